"""Libraries of models on PyTorch, and gensim: the laws that their own code writes."""

from __future__ import annotations

import math

from isogain.core.initializers import (
    Constant,
    Initializer,
    Normal,
    Ones,
    Orthogonal,
    PowerScaling,
    RemainderNormal,
    Zeros,
)
from isogain.core.names.dialects.forms import one_over_root, scaled
from isogain.core.names.rows import table
from isogain.core.values.distributions import require
from isogain.core.values.initializer import check_choice, check_count

fastai = table("fastai", "fastai", "fastai.layers", "fastai 2.8.12")
clip = table("open_clip", "OpenCLIP", "open_clip", "open-clip-torch 3.3.0")
tabnet = table("tabnet", "pytorch-tabnet", "pytorch_tabnet.tab_network", "pytorch-tabnet 4.1.0")
x = table("x_transformers", "x-transformers", "x_transformers", "x-transformers 2.31.10")
vit = table("vit_pytorch", "vit-pytorch", "vit_pytorch", "vit-pytorch 1.26.11")
xlstm = table("xlstm", "xLSTM", "xlstm", "xlstm 2.0.6")
fla = table("fla", "flash-linear-attention", "fla.models", "flash-linear-attention 0.6.0")
e3nn = table("e3nn", "e3nn", "e3nn", "e3nn 0.6.0")
spiking = table("spikingjelly", "SpikingJelly", "spikingjelly.activation_based.neuron", "spikingjelly 2.0.0")
snntorch = table("snntorch", "snnTorch", "snntorch", "snntorch 1.0.0")
norse = table("norse", "Norse", "norse.torch", "norse 1.1.0")
speechbrain = table("speechbrain", "SpeechBrain", "speechbrain.nnet.RNN", "speechbrain 1.1.2")
forecasting = table(
    "pytorch_forecasting", "PyTorch Forecasting", "pytorch_forecasting", "pytorch-forecasting 1.8.0"
)
gensim = table("gensim", "gensim", "gensim.models", "gensim 4.4.0")

REMAINDER = "A remainder, not a cut: draws beyond 2σ start again at 0, and the std is .866 of the one given."
fastai("trunc_normal_", "w = std·fmod(z, 2), z ~ N(0, 1)", REMAINDER, lambda std=1.0: RemainderNormal(std))
fastai(
    "Embedding.weight",
    "w = .01·fmod(z, 2), z ~ N(0, 1)",
    f"{REMAINDER[:-1]}; torch has N(0, 1).",
    lambda std=0.01: RemainderNormal(std),
    layout="lookup out",
)


def text_tower(role: str = "attention", width: int = 512, layers: int = 12) -> Initializer:
    check_count("open_clip", width=width, layers=layers)
    stds = {
        "token": 0.02,
        "position": 0.01,
        "attention": width**-0.5,
        "feedforward": (2 * width) ** -0.5,
        "branch_end": width**-0.5 * (2 * layers) ** -0.5,
        "projection": width**-0.5,
    }
    check_choice("open_clip", "role", role, tuple(stds))
    return Normal(stds[role])


clip(
    "TextTransformer",
    "tokens .02, positions .01, attention and projection d^-½, feedforward (2d)^-½, branch ends (2dL)^-½",
    "The image tower starts by other rules: torch's own, class, positions and projection d^-½.",
    text_tower,
)
clip(
    "VisionTransformer.class_embedding",
    "w ~ N(0, 1/d)",
    "Positions and the projection too.",
    lambda width: Normal(width**-0.5),
    "VisionTransformer.positional_embedding",
    "VisionTransformer.proj",
    example={"width": 256},
    layout="out",
)
clip("CLIP.logit_scale", "s = ln(1/.07)", "2.659.", lambda: Constant(math.log(1 / 0.07)), layout="out")
tabnet(
    "GLU_Layer.fc.weight",
    "w ~ N(0, 2/√in)",
    "Xavier times a gain that undoes it: the variance of the output grows as √in.",
    lambda: PowerScaling(math.sqrt(2), -0.25),
    layout="out in",
)
tabnet(
    "TabNetNoEmbeddings.final_mapping.weight",
    "w ~ N(0, 1/√in)",
    "As the layers', halved.",
    lambda: PowerScaling(1.0, -0.25),
    layout="out in",
)
x(
    "TokenEmbedding.emb.weight",
    "w ~ N(0, 2/d)",
    "He's law on an embedding, whose fan is its width.",
    lambda: scaled(2, "fan_out", "normal", "keras"),
    layout="lookup out",
)
x(
    "AbsolutePositionalEmbedding.emb.weight",
    "w ~ N(0, 1)",
    "Times 1/√d in forward.",
    lambda: Normal(1.0),
    layout="lookup out",
)
vit(
    "ViT.pos_embedding",
    "w ~ N(0, 1)",
    "Not .02; Linear layers are torch's.",
    lambda: Normal(1.0),
    "ViT.cls_token",
    layout="lookup out",
)
xlstm(
    "small_init_init_",
    "w ~ N(0, 2/(5 dim))",
    "Of the model's width, whatever the shape.",
    lambda dim: Normal(math.sqrt(2 / (5 * dim))),
    example={"dim": 64},
)
xlstm(
    "wang_init_",
    "w ~ N(0, (2/(blocks √dim))²)",
    "Ends of branches.",
    lambda dim, num_blocks: Normal(2 / num_blocks / math.sqrt(dim)),
    example={"dim": 64, "num_blocks": 4},
)
xlstm(
    "mLSTMCell.igate.weight",
    "w = 0",
    "Gates by their biases alone.",
    lambda: Zeros(),
    "mLSTMCell.fgate.weight",
    layout="out in",
)
xlstm(
    "mLSTMCell.igate.bias",
    "b ~ N(0, .1²)",
    "The forget gate's run evenly from 3 to 6.",
    lambda: Normal(0.1),
    layout="out",
)
fla(
    "GatedDeltaNetForCausalLM.weight",
    "w ~ N(0, .02²)",
    "Linear, convolutions and embeddings alike; no branch end is scaled by default.",
    lambda initializer_range=0.02: Normal(initializer_range),
    layout="out in",
)
e3nn(
    "o3.Linear.weight",
    "w ~ N(0, 1)",
    "Fans are divided by in forward.",
    lambda: Normal(1.0),
    "nn.FullyConnectedNet.layer0.weight",
)


def reciprocal_tau(init_tau: float = 2.0) -> Initializer:
    require(init_tau > 1, f"spikingjelly: init_tau must be above 1, got {init_tau!r}")
    return Constant(-math.log(init_tau - 1))


spiking(
    "ParametricLIFNode.w", "w = -ln(τ - 1)", "1/τ is its sigmoid: 0 at τ = 2.", reciprocal_tau, layout="out"
)
snntorch("Leaky.threshold", "θ = 1", "beta is given by the user.", lambda: Ones(), layout="out")
norse(
    "LIFRecurrentCell.input_weights",
    "w ~ N(0, 2/hidden)",
    "The hidden size counts, not the inputs.  Recurrent weights have the same law, with a diagonal of 0.",
    lambda hidden_size: Normal(math.sqrt(2 / hidden_size)),
    example={"hidden_size": 256},
    layout="out in",
)
speechbrain(
    "LSTM.weight_hh",
    "W orthogonal (4h, h)",
    "One matrix over all gates (re_init, on by default); the rest is torch's.",
    lambda: Orthogonal(1.0, "first"),
    "GRU.weight_hh",
    "RNN.weight_hh",
    layout="out in",
)
forecasting(
    "GatedResidualNetwork.fc1.weight",
    "w ~ N(0, 2/in)",
    "He's law before ELU; biases 0.",
    lambda: scaled(2, "fan_in", "normal", "torch"),
    "GatedResidualNetwork.fc2.weight",
    layout="out in",
)
forecasting(
    "GatedResidualNetwork.context.weight",
    "w ~ U(±√(6 / (in + out)))",
    "Glorot's law.",
    lambda: scaled(1, "fan_avg", "uniform", "torch"),
    layout="out in",
)
gensim(
    "Word2Vec.wv.vectors",
    "w ~ U(±1/size)",
    "By the width, not its root.",
    lambda vector_size: one_over_root(vector_size, vector_size),
    "FastText.wv.vectors_vocab",
    "Doc2Vec.dv.vectors",
    example={"vector_size": 100},
    layout="lookup out",
)
gensim("Word2Vec.syn1neg", "w = 0", "Output vectors.", lambda: Zeros(), layout="lookup out")
