"""What each alarm turned out to be when it was measured directly, without isogain."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Judgement(NamedTuple):
    """true, false, or by design: as said, but meant."""

    kind: Literal["true", "false", "by design", "not judged"]
    measured: str


_ENTROPY = (
    "the output in question is the entropy, which a policy head of gain 0.01 brings to ln n +- 5e-6 (and which a "
    "Gaussian policy has by its parameter alone); values and log probabilities differ between states"
)
_TINY = (
    "every weight of the deep part is drawn with deviation 1e-4: its features differ by 3e-7 between samples"
)

JUDGED: dict[str, Judgement] = {
    "stable-baselines3/PPO": Judgement("false", _ENTROPY),
    "stable-baselines3/PPO-relu": Judgement("false", _ENTROPY),
    "stable-baselines3/PPO-real": Judgement("false", _ENTROPY),
    "stable-baselines3/PPO-CNN": Judgement("false", _ENTROPY),
    "rtdl-num-embeddings/Periodic": Judgement(
        "false",
        "1 - cosine is .98 between positions (columns), .002 between samples; the axis that was compared is that of the "
        "samples, after a transposition, at a column that is constant in these data",
    ),
    "timm/test_byobnet": Judgement(
        "false",
        "squeeze-and-excitation reads a branch whose last norm starts at 0: 42 % of the units are on after one step",
    ),
    "torchvision/squeezenet1_1": Judgement(
        "false",
        "the places of the first layer that were looked at lie on the background; outputs of samples differ by .30",
    ),
    "timm/tinynet_e": Judgement(
        "true", "classifier U(+-1/sqrt(classes)): first loss 4.6 with ten classes (ln 10 = 2.3)"
    ),
    "ncps/LTC": Judgement(
        "by design", "synapses sigmoid(sigma (v - mu)) with sigma in 3 to 8, drawn so on purpose"
    ),
    "torch-geometric/GCN-skip-12": Judgement(
        "true", "logits of deviation 12.8; first loss 17.8 (ln 4 = 1.39)"
    ),
    "deepctr-torch/DeepFM": Judgement("true", _TINY),
    "deepctr-torch/DCN": Judgement("true", _TINY),
    "deepctr-torch/WDL": Judgement("true", _TINY),
    "neuralforecast/FEDformer": Judgement(
        "true",
        "cross attention hands on values of size 1e-6 (scaled by 1 / (in out) twice): behind its projection series differ by "
        "7e-11, queries' gradients are 2e-7, the next layer's 1e-2",
    ),
    "timm/efficientnet_lite0": Judgement(
        "true", "classifier U(+-1/sqrt(classes)): first loss 6.3 with ten classes (ln 10 = 2.3)"
    ),
    "timm/test_nfnet": Judgement(
        "false",
        "squeeze-and-excitation reads a branch whose gain, inside a standardised weight, starts at 0: 47 % of the units are on after one step",
    ),
    "torch-geometric/LEConv": Judgement("true", "logits of deviation 64; first loss 59.7 (ln 4 = 1.39)"),
    "torch-geometric/SuperGATConv": Judgement(
        "true", "attention's x_i . x_j is not scaled: mean 8, deviation 12; 75 % of its sigmoids are flat"
    ),
    "torch-geometric/SchNet": Judgement(
        "true", "predictions (sums over atoms) of size 5.4 for targets of size .96; first loss 26"
    ),
    "neuralforecast/NBEATS": Judgement(
        "false", "a frozen basis of cosines, whose smallest numbers are cos(pi / 2) = 6e-17"
    ),
    "neuralforecast/TiDE": Judgement(
        "true",
        "the temporal decoder ends in a LayerNorm of one unit: gradient exactly 0 in all that lies before it, only the linear skip learns",
    ),
    "tsai/TransformerModel": Judgement(
        "true", "nn.TransformerEncoder copies one layer: layers 0 and 1 are equal bit for bit"
    ),
    "encodec/EncodecModel": Judgement(
        "true",
        "encode() reads a codebook of zeros before k-means has run: outputs of two sounds differ by exactly 0",
    ),
    "vit-pytorch/vit_5": Judgement(
        "by design",
        "LayerScale 1e-4 on a class token: outputs differ by 2e-6 between samples at the start, by .06 after 29 steps",
    ),
    "vit-pytorch/levit": Judgement(
        "false",
        "outputs of different samples do differ by exactly 0 at the start (a norm of gain 0 without a skip), by .0014 after three steps; the own start trains, to .50 in a hundred steps",
    ),
    "vit-pytorch/jumbo_vit": Judgement(
        "true", "the last block's feedforward of the patches is never read: no gradient"
    ),
    "vit-pytorch/look_vit": Judgement("true", "pos_embedding is made and never used: no gradient"),
    "snntorch/Lapicque": Judgement(
        "true", "the last layer gets no spike in ten steps: outputs of different samples differ by exactly 0"
    ),
    "snntorch/Leaky-deep": Judgement(
        "true",
        "no spike reaches the last layers in ten steps: outputs of different samples differ by exactly 0; surrogate "
        "gradients learn all the same, 2.4 to 1.6 in a hundred steps, where init_'s start stands still",
    ),
    "diffusers/VQModel": Judgement(
        "by design", "the codebook learns from its own loss, which the survey's loss leaves out"
    ),
    "diffusers/AutoencoderTiny": Judgement(
        "true", "forward rounds the latents to bytes: no gradient reaches the encoder"
    ),
    "segmentation-models-pytorch/FPN": Judgement(
        "true", "logits of deviation 2.6; first loss 4.0 (ln 5 = 1.6)"
    ),
    "reformer-pytorch/ReformerLM": Judgement(
        "false",
        "reversible blocks leave their gradients in .grad by a backward pass of their own (seen since)",
    ),
    "timm/mixnet_s": Judgement(
        "true", "classifier U(+-1/sqrt(classes)): first loss 7.4 with ten classes (ln 10 = 2.3)"
    ),
    "timm/dla46_c": Judgement(
        "true", "first loss 6.8 with ten classes; after a hundred steps 2.4, from init_'s start 1.7"
    ),
    "timm/inception_v3": Judgement("true", "classifier of deviation .1: first loss 4.9 with ten classes"),
    "torchvision/googlenet": Judgement("by design", "auxiliary heads that the loss given here ignores"),
    "segmentation-models-pytorch/PSPNet": Judgement(
        "by design", "the encoder's last stages are not used at this depth"
    ),
    "timm/test_mambaout": Judgement(
        "true",
        "depthwise kernels drawn by the fan of all groups: .33 after a hundred steps, from init_'s start .26",
    ),
    "timm/ese_vovnet19b_slim_dw": Judgement(
        "true",
        "depthwise kernels drawn by the fan of all groups: .87 after a hundred steps, from init_'s start .62",
    ),
    "asteroid/ConvTasNet": Judgement("false", ".019 after a hundred steps, from init_'s start .021"),
    "timm/semnasnet_050": Judgement("true", "first loss 7.9 with ten classes (ln 10 = 2.3)"),
    "timm/fbnetc_100": Judgement("true", "first loss 5.3 with ten classes (ln 10 = 2.3)"),
    "torchvision/mnasnet0_5": Judgement("true", "first loss 11 with ten classes (ln 10 = 2.3)"),
    "monai/EfficientNetBN": Judgement("true", "first loss 4.7 with ten classes (ln 10 = 2.3)"),
    "timm/mobilenetv4_conv_small_035": Judgement("true", "first loss 5.9 with ten classes (ln 10 = 2.3)"),
    "torchvision/efficientnet_b0": Judgement("true", "first loss 4.7 with ten classes (ln 10 = 2.3)"),
    "x-transformers/gate_residual": Judgement(
        "true", "tokens differ by .002 at the end; 2.9 after sixty steps, from init_'s start 1.4"
    ),
    "torchvision/raft_small": Judgement(
        "false",
        "looked up around each place of maps of 2 to 8 places: with the flow at 0 as much lies outside (mended)",
    ),
    "monai/FlexibleUNet": Judgement("by design", "the encoder's last convolution belongs to its classifier"),
}
