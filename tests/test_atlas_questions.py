"""What people get wrong about other libraries' starts: 39 questions, each answered by isogain as was measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import isogain as ig

CUT = 0.87962566103423978
"""What is left of a standard normal's std that is cut at 2 sigma."""
SHAPE = (512, 256)


def std(name: str, shape: tuple[int, ...] = SHAPE, **told: Any) -> float:
    """Of a row's law at a shape, as its library lays the weight out."""
    return ig.get(name, **told).law(shape).std


def bound(name: str, shape: tuple[int, ...] = SHAPE, **told: Any) -> float:
    return ig.get(name, **told).law(shape).bounds[1]


def value(name: str, **told: Any) -> float:
    law = ig.get(name, **told).law((8,))
    assert law.std == 0
    return float(law.mean)


def laws(model: str, kind: str, written: str = "") -> set[str]:
    """The laws of a kind of parameter of a model, those alone that were written in such a place."""
    starts = ig.atlas()[model].starts
    return {one.law for one in starts if one.kind == kind and written in one.where + one.example}


def near(number: float) -> Any:
    return pytest.approx(number, rel=1e-6)


TORCH = "VarianceScaling(scale=0.3333333333333333, mode='fan_in', distribution='uniform', fan_rule='torch')"
QUESTIONS: dict[str, Callable[[], bool]] = {
    "paddle's Linear is Xavier's, its torch-compatible twin takes fan_out": lambda: (
        bound("paddle.nn.Linear.weight") == near(math.sqrt(6 / 768))
        and bound("paddle.compat.nn.Linear.weight") == near(512**-0.5)
        and value("paddle.nn.Linear.bias") == 0
    ),
    "paddle's Conv2D counts the inputs of all groups": lambda: (
        ig.get("paddle.nn.Conv2D.weight", groups=4).law((64, 16, 3, 3)).std == near(math.sqrt(2 / (9 * 64)))
    ),
    "paddle's Embedding, LSTM and transposed convolutions": lambda: (
        bound("paddle.nn.Embedding.weight") == near(math.sqrt(6 / 768))
        and bound("paddle.nn.LSTM.weight_ih", hidden_size=64) == near(1 / 8)
        and ig.get("paddle.nn.Conv2DTranspose.weight").law((32, 16, 3, 3)).kind == "uniform"
    ),
    "paddle's slope counts with leaky_relu alone": lambda: (
        std("paddle.KaimingNormal", negative_slope=5**0.5) == near(math.sqrt(2 / 512))
        and std("paddle.KaimingNormal", negative_slope=5**0.5, nonlinearity="leaky_relu")
        == near(math.sqrt(1 / 3 / 512))
        and std("paddle.TruncatedNormal", std=0.02) == near(0.02)
    ),
    "mindspore's layers": lambda: (
        bound("mindspore.nn.Dense.weight") == near(1 / 16)
        and std("mindspore.nn.Embedding.embedding_table") == near(0.01)
    ),
    "mindspore's VarianceScaling() is uniform, its TruncatedNormal's bounds are absolute": lambda: (
        bound("mindspore.VarianceScaling") == near(math.sqrt(3 / 256))
        and std("mindspore.TruncatedNormal", sigma=0.02) == near(0.02)
        and std("mindspore.TruncatedNormal", sigma=1.0) == near(CUT)
    ),
    "tinygrad ignores groups, and its slope is .01": lambda: (
        bound("tinygrad.nn.Conv2d.weight", (64, 16, 3, 3), groups=4) == near((9 * 64) ** -0.5)
        and std("tinygrad.kaiming_normal") == near(math.sqrt(2 / 1.0001 / 256))
        and value("tinygrad.nn.LSTMCell.bias_ih") == 0
    ),
    "MLX' he_normal has gain 1, its Embedding is by the width, sparse() is N(0, 1) by rows": lambda: (
        std("mlx.he_normal") == near(1 / 16)
        and std("mlx.nn.Embedding.weight") == near(1 / 16)
        and std("mlx.sparse", (7, 3), sparsity=0.1) == near(math.sqrt(2 / 3))
    ),
    "nnabla's affine is Glorot's, groups ignored, embed U(±√3)": lambda: (
        bound("nnabla.affine.W") == near(math.sqrt(6 / 768))
        and bound("nnabla.embed.W") == near(math.sqrt(3))
        and value("nnabla.prelu.slope") == 0.25
    ),
    "scikit-learn's factor is 2 for the logistic function": lambda: (
        bound("sklearn.MLPClassifier.coefs_", activation="logistic") == near(math.sqrt(2 / 768))
        and bound("sklearn.MLPClassifier.intercepts_", (256,), fan_in=512, fan_out=256) == near(math.sqrt(6 / 768))
    ),
    "PyG's glorot looks at the last two axes, GCN is Glorot and SAGE is not": lambda: (
        bound("pyg.inits.glorot", (5, 20, 30)) == near(math.sqrt(6 / 50))
        and bound("pyg.GCNConv.lin.weight") == near(math.sqrt(6 / 768))
        and bound("pyg.SAGEConv.lin_l.weight") == near(1 / 16)
        and bound("pyg.GATConv.att_src", (1, 8, 64)) == near(math.sqrt(6 / 72))
    ),
    "Thinc's Maxout does not count its inputs": lambda: (
        bound("thinc.Maxout.W", (64, 3, 4096)) == near(math.sqrt(6 / 67)) and value("thinc.Softmax.W") == 0
    ),
    "Haiku and Sonnet: layers do not correct a cut, VarianceScaling() does": lambda: (
        std("haiku.Linear.w") == near(CUT * 512**-0.5)
        and std("sonnet.Conv2D.w", (3, 3, 16, 8)) == near(CUT / 12)
        and std("haiku.VarianceScaling") == near(512**-0.5)
        and value("haiku.LSTM.linear.b") == 0
        and ig.get("sonnet.LSTM.b").law((8,)).std > 0
    ),
    "Flax corrects, its optimized LSTM is one orthogonal matrix; Equinox is torch's": lambda: (
        std("flax.linen.Dense.kernel") == near(512**-0.5)
        and std("flax.nnx.OptimizedLSTMCell.dense_h.kernel", (64, 256)) == near(1 / 16)
        and bound("equinox.nn.Linear.weight") == near(1 / 16)
        and std("equinox.nn.Embedding.weight") == 1
    ),
    "Chainer: LeCun's normal law, and depthwise kernels by all channels": lambda: (
        std("chainer.links.Linear.W") == near(1 / 16)
        and std("chainer.links.EmbedID.W") == 1
        and value("chainer.links.Highway.transform_bias") == -1
    ),
    "e3nn starts from N(0, 1) and divides in forward": lambda: (
        std("e3nn.o3.Linear.weight", (640,)) == 1 and std("e3nn.nn.FullyConnectedNet.layer0.weight") == 1
    ),
    "NoisyLinear's sigma, and PPO's gains": lambda: (
        value("torchrl.NoisyLinear.weight_sigma", in_features=256) == near(0.5 / 16)
        and value("torchrl.NoisyLinear.bias_sigma", out_features=64) == near(0.5 / 8)
        and std("sb3.PPO.weight", (64, 64), role="action") == near(0.01 / 8)
        and laws("stable-baselines3/SAC", "Linear.weight", "actor") == {TORCH}
    ),
    "spiking networks": lambda: (
        value("spikingjelly.ParametricLIFNode.w") == 0
        and std("norse.LIFRecurrentCell.input_weights", hidden_size=128) == near(1 / 8)
        and value("snntorch.Leaky.threshold") == 1
    ),
    "DeepXDE's Glorot is torch's, with biases of 0": lambda: (
        laws("deepxde/DeepONet-tanh", "Linear.bias") == {"Zeros()"}
        and all("fan_avg" in law for law in laws("deepxde/DeepONet-tanh", "Linear.weight"))
    ),
    "xLSTM's scales": lambda: (
        std("xlstm.small_init_init_", dim=64) == near(math.sqrt(2 / 320))
        and std("xlstm.wang_init_", dim=64, num_blocks=4) == near(2 / 4 / 8)
        and std("xlstm.mLSTMCell.igate.bias", (8,)) == near(0.1)
    ),
    "flash-linear-attention: .02, and no branch end is scaled": lambda: (
        std("fla.GatedDeltaNetForCausalLM.weight") == near(0.02)
    ),
    "torchtitan's branch ends shrink layer by layer": lambda: (
        std("torchtitan.Llama3", role="branch_end", layer=5) == near(0.02 / math.sqrt(12))
        and std("torchtitan.Llama3", role="embedding") == 1
    ),
    "x-transformers' tokens are N(0, 2/d), positions N(0, 1)": lambda: (
        std("x_transformers.TokenEmbedding.emb.weight") == near(math.sqrt(2 / 256))
        and std("x_transformers.AbsolutePositionalEmbedding.emb.weight") == 1
    ),
    "vit-pytorch's positions are N(0, 1)": lambda: (
        std("vit_pytorch.ViT.pos_embedding") == 1 and "Normal(std=1.0, mean=0.0)" in laws("vit-pytorch/vit", "ViT.pos_embedding")
    ),
    "timm: absolute bounds, and what its models write": lambda: (
        std("timm.trunc_normal_", std=0.02) == near(0.02)
        and "Zeros()" in laws("timm/resnet26", "BatchNorm2d.weight", "bn3")
        and laws("timm/mixer_s32_224", "Linear.weight", "head") == {"Zeros()"}
        and laws("timm/beit_base_patch16_224", "Block.gamma_1") == {"Constant(value=0.1)"}
    ),
    "diffusers' DiT is not the identity: nothing in it is 0": lambda: (
        laws("diffusers/DiT", "Linear.weight") == {TORCH}
        and laws("diffusers/DiT", "Embedding.weight") == {"Normal(std=1.0, mean=0.0)"}
    ),
    "Ultralytics: box biases 2, class biases by stride": lambda: (
        value("ultralytics.Detect.cv2.bias") == 2
        and value("ultralytics.Detect.cv3.bias", classes=80, stride=8) == near(math.log(5 / 80 / 6400))
    ),
    "segmentation-models' decoder and head": lambda: (
        laws("segmentation-models-pytorch/Unet", "Conv2d.weight", "segmentation_head")
        == {"VarianceScaling(scale=1.0, mode='fan_avg', distribution='uniform', fan_rule='torch')"}
        and any("scale=2.0" in law and "uniform" in law for law in laws("segmentation-models-pytorch/Unet", "Conv2d.weight", "decoder"))
    ),
    "MONAI keeps torch's start, tables and positions .02": lambda: (
        all("std=0.02" in law for law in laws("monai/SwinUNETR", "WindowAttention.relative_position_bias_table"))
        and all("std=0.02" in law for law in laws("monai/UNETR", "PatchEmbeddingBlock.position_embeddings"))
        and laws("monai/UNETR", "Linear.weight") == {TORCH}
    ),
    "mmengine's Xavier is normal, Caffe2Xavier is LeCun's": lambda: (
        ig.get("mmengine.XavierInit").law(SHAPE).kind == "normal"
        and bound("mmengine.Caffe2XavierInit") == near(math.sqrt(3 / 256))
        and std("mmengine.KaimingInit") == near(1 / 16)
        and value("mmengine.bias_init_with_prob") == near(-math.log(99))
    ),
    "Megatron's hybrid models end branches √2 wider": lambda: (
        std("megatron", role="branch_end", layers=24, multiplier=1.0) / std("megatron", role="branch_end", layers=24)
        == near(math.sqrt(2))
    ),
    "Fourier operators are complex, E|w|² = 2/(in + out); flows' last layers": lambda: (
        ig.get("neuralop.SpectralConv.weight").law((48, 64, 16, 8), is_complex=True).std == near(math.sqrt(2 / 112))
        and laws("nflows/Coupling", "Linear.weight", "final_layer") == {TORCH}
        and "Zeros()" in laws("normflows/RealNVP", "Linear.weight")
    ),
    "Keras' attention is by its equation, an LSTM's gates count, Embedding ±.05": lambda: (
        bound("keras.layers.MultiHeadAttention.query_dense.kernel", (512, 8, 64)) == near(math.sqrt(6 / 1024))
        and bound("keras.layers.LSTM.kernel", (256, 512)) == near(math.sqrt(6 / 768))
        and bound("keras.layers.Embedding.embeddings") == 0.05
    ),
    "OpenCLIP's towers start by different rules": lambda: (
        std("open_clip.TextTransformer", role="feedforward", width=512) == near(1 / 32)
        and std("open_clip.TextTransformer", role="branch_end", width=256, layers=2) == near(1 / 32)
        and value("open_clip.CLIP.logit_scale") == near(math.log(1 / 0.07))
        and TORCH in laws("open-clip-torch/CLIP", "Linear.weight", "visual")
    ),
    "SpeechBrain's recurrence is orthogonal, fastai folds its normal": lambda: (
        std("speechbrain.LSTM.weight_hh", (256, 64)) == near(1 / 16)
        and value("fastai.BatchNorm.bias") == 1e-3
        and std("fastai.Embedding.weight") == pytest.approx(0.00865886, rel=1e-4)
    ),
    "gensim's vectors and spaCy's embeddings": lambda: (
        bound("gensim.Word2Vec.wv.vectors", vector_size=100) == near(0.01)
        and value("gensim.Word2Vec.syn1neg") == 0
        and bound("thinc.Embed.E") == near(0.1)
    ),
    "TabNet's output grows with its width": lambda: (
        ig.get("tabnet.GLU_Layer.fc.weight").law((64, 256), layout="out in").std == near(math.sqrt(2) / 4)
        and ig.get("tabnet.TabNetNoEmbeddings.final_mapping.weight").law((64, 256), layout="out in").std == near(1 / 4)
    ),
    "forecasting: GRN is He's, N-BEATS torch's": lambda: (
        std("pytorch_forecasting.GatedResidualNetwork.fc1.weight") == near(math.sqrt(2 / 256))
        and laws("neuralforecast/NBEATS", "Linear.weight") == {TORCH}
    ),
    "torch's own: Bilinear by its first input, an embedding N(0, 1), a packed projection": lambda: (
        bound("torch.nn.Bilinear.weight", (80, 50, 60)) == near(50**-0.5)
        and std("torch.nn.Embedding.weight") == 1
        and bound("torch.nn.MultiheadAttention.in_proj_weight", (192, 64)) == near(math.sqrt(6 / 256))
    ),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_isogain_answers_as_was_measured(question):
    assert QUESTIONS[question]()


def test_there_are_thirty_nine():
    assert len(QUESTIONS) == 39


def test_an_answer_can_be_wrong():
    """A law a percent off is not near."""
    assert std("mlx.he_normal", (512, 260)) != near(1 / 16)
    assert laws("timm/resnet26", "BatchNorm2d.weight", "nowhere") == set()
