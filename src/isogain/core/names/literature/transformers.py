"""Transformers: what published models start from, one row each, its parts by `role`."""

from __future__ import annotations

import math

from isogain.checking import shown
from isogain.core.initializers import (
    Initializer,
    Mimetic,
    Normal,
    PowerScaling,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
from isogain.core.names.rows import scheme
from isogain.core.values.distributions import require
from isogain.core.values.initializer import check_choice, check_count

TRANSFORMER = "transformers"
LAYERS = ("number of layers",)


def _scaled_normal(name: str, role: str, layers: int | None, std: float, position: float) -> Initializer:
    check_choice(name, "role", role, ("weight", "branch_end", "embedding", "position"))
    if role != "branch_end":
        return Normal(position if role == "position" else std)
    require(layers is not None, f"{name}: role='branch_end' needs layers=, the number of blocks")
    check_count(name, layers=layers)
    return Normal(std / math.sqrt(2 * (layers or 1)))


@scheme(
    "gpt2",
    formula="w ~ N(0, .02²); branch ends N(0, .02² / 2N); positions N(0, .01²)",
    source="Radford et al. 2019, sec. 2.3, and the published code",
    group=TRANSFORMER,
    requires=LAYERS,
    example={"role": "branch_end", "layers": 12},
)
def gpt2(role: str = "weight", layers: int | None = None, std: float = 0.02) -> Initializer:
    """Roles weight, branch_end (attention and feed-forward outputs), embedding, position; biases 0.

    Hugging Face and nanoGPT draw the positions at .02 too.
    """
    return _scaled_normal("gpt2", role, layers, std, std / 2)


@scheme(
    "megatron",
    formula="w ~ N(0, .02²); branch ends N(0, .02² / 2N); hybrid models N(0, .02² / N)",
    source="Shoeybi et al. 2019, arXiv 1909.08053, sec. 3; megatron-core 0.16.1",
    group=TRANSFORMER,
    requires=LAYERS,
    example={"role": "branch_end", "layers": 24},
)
def megatron(
    role: str = "weight", layers: int | None = None, std: float = 0.02, multiplier: float = 2.0
) -> Initializer:
    """Megatron-LM's init_method_normal and scaled_init_method_normal; embeddings as weights.

    A block ends `multiplier` branches: 2, and 1 in hybrid models, which count Mamba and attention
    layers one by one.
    """
    require(multiplier > 0, f"megatron: multiplier must be above 0, got {shown(multiplier)}")
    std_of_ends = std * math.sqrt(2 / multiplier) if role == "branch_end" else std
    return _scaled_normal("megatron", role, layers, std_of_ends, std)


@scheme(
    "bert",
    formula="w ~ N(0, .02²) given |w| < .04",
    source="Devlin et al. 2018, arXiv 1810.04805, and the published code",
    group=TRANSFORMER,
)
def bert(std: float = 0.02) -> Initializer:
    """TensorFlow's truncated normal, not corrected: it delivers .0176.  Hugging Face's is not truncated."""
    return TruncatedNormal(std, corrected=False)


@scheme(
    "t5",
    formula="q: (d·d_k)^-½; k, v, wi: d^-½; o: (h·d_k)^-½; wo: d_ff^-½; embedding 1; position bias d^-½",
    source="Raffel et al. 2020, arXiv 1910.10683; mesh_tensorflow's and Hugging Face's code",
    group=TRANSFORMER,
    requires=("head size (for the query)", "width (for the position bias)"),
    example={"role": "query", "head_size": 64},
)
def t5(
    role: str = "weight", head_size: int | None = None, width: int | None = None, factor: float = 1.0
) -> Initializer:
    """Roles weight (by its own fan_in), query (scaled, since attention is not), embedding, position."""
    check_choice("t5", "role", role, ("weight", "query", "embedding", "position"))
    if role == "embedding":
        return Normal(factor)
    if role == "position":
        require(width is not None, "t5: role='position' needs width=, the size of the model")
        check_count("t5", width=width)
        return Normal(factor / math.sqrt(width or 1))
    if role == "query":
        require(head_size is not None, "t5: role='query' needs head_size=")
        check_count("t5", head_size=head_size)
    return VarianceScaling(factor**2 / ((head_size or 1) if role == "query" else 1), "fan_in", "normal")


@scheme(
    "olmo_mitchell",
    formula="w: 1/√fan_in; branch ends 1/√(2 fan_in (l+1)); given |w| < 3σ",
    source="Groeneveld et al. 2024, arXiv 2402.00838; olmo/initialization.py",
    group=TRANSFORMER,
    aliases=("olmo", "mitchell"),
    requires=("layer index (for branch ends)", "width (for the embedding)"),
    example={"role": "branch_end", "layer": 3},
)
def olmo_mitchell(role: str = "weight", layer: int | None = None, width: int | None = None) -> Initializer:
    """Roles weight, branch_end (l counts from 0), embedding (1/√d); cut at ±3σ, not corrected."""
    check_choice("olmo_mitchell", "role", role, ("weight", "branch_end", "embedding"))
    if role == "embedding":
        require(width is not None, "olmo_mitchell: role='embedding' needs width=, the size of the model")
        check_count("olmo_mitchell", width=width)
        return TruncatedNormal(1 / math.sqrt(width or 1), 0.0, -3.0, 3.0, corrected=False)
    factor = 1.0
    if role == "branch_end":
        require(layer is not None, "olmo_mitchell: role='branch_end' needs layer=, counted from 0")
        check_count("olmo_mitchell", layer=(layer or 0) + 1)
        factor = 1 / math.sqrt(2 * ((layer or 0) + 1))
    return PowerScaling(factor, distribution="truncated_normal", cut=3.0, corrected=False)


@scheme(
    "small_init",
    formula="w ~ N(0, 2 / (5 fan_in))",
    source="Nguyen & Salazar 2019, arXiv 1910.05895, sec. 2.2",
    group=TRANSFORMER,
)
def small_init() -> Initializer:
    """Xavier's law of a d x 4d matrix, for all of them: std √(2 / 5d)."""
    return VarianceScaling(0.4, "fan_in", "normal")


@scheme(
    "gpt_neox",
    formula="w ~ N(0, 2 / 5d); branch ends N(0, (2 / (L√d))²)",
    source="Black et al. 2022, arXiv 2204.06745, sec. 2.1",
    group=TRANSFORMER,
    aliases=("neox", "wang_init"),
    requires=("number of layers and width (for branch ends)",),
    example={"role": "branch_end", "layers": 44, "width": 6144},
)
def gpt_neox(role: str = "weight", layers: int | None = None, width: int | None = None) -> Initializer:
    """small_init, and Wang & Komatsuzaki's 2/(L√d), d the model's width, at the end of both branches."""
    check_choice("gpt_neox", "role", role, ("weight", "branch_end"))
    if role == "weight" and width is None:
        return VarianceScaling(0.4, "fan_in", "normal")
    require(width is not None, "gpt_neox: role='branch_end' needs width=, the size of the model")
    check_count("gpt_neox", width=width)
    if role == "weight":
        return Normal(math.sqrt(0.4 / (width or 1)))
    require(layers is not None, "gpt_neox: role='branch_end' needs layers=")
    check_count("gpt_neox", layers=layers)
    return Normal(2 / ((layers or 1) * math.sqrt(width or 1)))


@scheme(
    "deepseek",
    formula="w ~ N(0, .006²)",
    source="DeepSeek-AI 2024, arXiv 2405.04434, sec. 3.1.2; 2412.19437, sec. 4.2",
    group=TRANSFORMER,
)
def deepseek(std: float = 0.006) -> Initializer:
    """Every parameter of V2 and V3, at a width of 5120 and 7168."""
    return Normal(std)


@scheme(
    "t_fixup",
    formula="v, out, feed-forward: xavier · s, s = .67 N^-¼, decoder (9N)^-¼; embedding (9N)^-¼/√d",
    source="Huang et al. 2020 (ICML), sec. 4",
    group=TRANSFORMER,
    aliases=("tfixup",),
    requires=(*LAYERS, "width (for the embedding)"),
    example={"layers": 6},
)
def t_fixup(
    layers: int, role: str = "branch", side: str = "encoder", width: int | None = None
) -> Initializer:
    """No warm-up, no layer norm; roles branch (v, out, feed-forward), weight (q, k), embedding."""
    check_count("t_fixup", layers=layers)
    check_choice("t_fixup", "side", side, ("encoder", "decoder"))
    check_choice("t_fixup", "role", role, ("branch", "weight", "embedding"))
    encoder, decoder = 0.67 * layers**-0.25, (9 * layers) ** -0.25
    if role == "embedding":
        require(width is not None, "t_fixup: role='embedding' needs width=, the size of the model")
        check_count("t_fixup", width=width)
        return Normal(decoder / math.sqrt(width or 1))
    scale = 1.0 if role == "weight" else encoder if side == "encoder" else decoder
    return VarianceScaling(scale**2, "fan_avg", "uniform")


def deepnorm_constants(encoders: int = 0, decoders: int = 0) -> dict[str, tuple[float, float]]:
    """{"encoder": (alpha, beta), "decoder": (alpha, beta)}: the factor on the skip, the gain of its branch.

    >>> [round(x, 4) for x in deepnorm_constants(decoders=24)["decoder"]]
    [2.6321, 0.2686]
    """
    require(
        min(encoders, decoders) >= 0 and encoders + decoders > 0,
        f"deepnorm: give the number of encoders or decoders, got encoders={encoders}, decoders={decoders}",
    )
    n, m = encoders, decoders
    if n and m:
        both = (n**4 * m) ** (1 / 16)
        return {"encoder": (0.81 * both, 0.87 / both), "decoder": ((3 * m) ** 0.25, (12 * m) ** -0.25)}
    side, one = ("encoder", n) if n else ("decoder", m)
    return {side: ((2 * one) ** 0.25, (8 * one) ** -0.25)}


@scheme(
    "deepnorm",
    formula="LN(α x + F(x)); v, out, feed-forward: xavier · β; one stack of N: α = (2N)^¼, β = (8N)^-¼",
    source="Wang et al. 2022, arXiv 2203.00555, fig. 2",
    group=TRANSFORMER,
    requires=("numbers of encoder and decoder layers",),
    example={"decoders": 24},
)
def deepnorm(encoders: int = 0, decoders: int = 0, role: str = "branch", side: str = "") -> Initializer:
    """Post-norm transformers of 1000 layers; roles branch (v, out, feed-forward: β) and weight (q, k: 1).

    With both stacks: encoder α = .81 (N⁴M)^(1/16), β = .87 (N⁴M)^(-1/16), decoder α = (3M)^¼,
    β = (12M)^-¼.  The model itself has to multiply its skips by α (`deepnorm_constants`).
    """
    check_choice("deepnorm", "role", role, ("branch", "weight"))
    constants = deepnorm_constants(encoders, decoders)
    chosen = side or next(iter(constants))
    check_choice("deepnorm", "side", chosen, tuple(constants))
    return VarianceScaling(constants[chosen][1] ** 2 if role == "branch" else 1.0, "fan_avg", "normal")


@scheme(
    "vit",
    formula="w ~ N(0, .02²), positions too; class token N(0, 1e-6²); biases and head 0",
    source="Dosovitskiy et al. 2021, arXiv 2010.11929; timm's vision_transformer.py",
    group=TRANSFORMER,
    aliases=("timm_vit", "deit"),
)
def vit(role: str = "weight") -> Initializer:
    """timm's: truncated at ±2, so in effect never; roles weight, position, class_token, head."""
    check_choice("vit", "role", role, ("weight", "position", "class_token", "head"))
    if role == "head":
        return Zeros()
    if role == "class_token":
        return Normal(1e-6)
    return TruncatedNormal(0.02, bounds="absolute", corrected=False)


@scheme(
    "dit_zero",
    formula="modulation and final layer: w = 0; others xavier uniform; embeddings N(0, .02²)",
    source="Peebles & Xie 2023, arXiv 2212.09748, sec. 3.2, and the published code",
    group=TRANSFORMER,
    aliases=("adaln_zero", "dit"),
)
def dit_zero(role: str = "modulation") -> Initializer:
    """adaLN-Zero: every block starts as the identity; roles modulation, final, weight, embedding."""
    check_choice("dit_zero", "role", role, ("modulation", "final", "weight", "embedding"))
    if role in ("modulation", "final"):
        return Zeros()
    return VarianceScaling(1.0, "fan_avg", "uniform") if role == "weight" else Normal(0.02)


@scheme(
    "mimetic",
    formula="W_Q W_Kᵀ ≈ .7 Z + .7 I for each head, W_V W_out = .4 Z - .4 I, Z ~ N(0, 1/d)",
    source="Trockman & Kolter 2023, arXiv 2305.09828, sec. 3",
    group=TRANSFORMER,
    requires=("number of heads", "one seed and path for all parts of a layer"),
    example={"part": "query", "heads": 3},
    uncertain="the four constants are those of public code for ViTs; the text leaves them to the user",
)
def mimetic(part: str = "query", heads: int = 1, query: float = 0.7, value: float = 0.4) -> Initializer:
    """Attention of vision transformers as training leaves it; parts query, key, value, output, packed."""
    return Mimetic(part, heads, query, query, value, value)
