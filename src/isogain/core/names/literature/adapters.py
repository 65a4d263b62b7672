"""Low-rank adapters of a frozen weight W: W + (alpha / r) B A."""

from __future__ import annotations

from isogain.core.initializers import Initializer, Normal, VarianceScaling, Zeros
from isogain.core.names.rows import scheme, use_function
from isogain.core.values.initializer import check_choice, check_count

ADAPTER = "adapters"
RANK = ("rank",)


@scheme(
    "lora",
    formula="A ~ U(±1/√fan_in), B = 0; W + (α/r) B A",
    source="Hu et al. 2021, arXiv 2106.09685, sec. 4.1, and the published code",
    group=ADAPTER,
    aliases=("lora_kaiming",),
)
def lora(part: str = "A") -> Initializer:
    """The published code's A, Kaiming uniform with a = √5; B = 0, so the model starts unchanged."""
    return _lora("lora", part)


def _lora(name: str, part: str) -> Initializer:
    check_choice(name, "part", part, ("A", "B"))
    return VarianceScaling(1 / 3, "fan_in", "uniform") if part == "A" else Zeros()


@scheme(
    "lora_gaussian",
    formula="A ~ N(0, 1/r²), B = 0",
    source="Hu et al. 2021, arXiv 2106.09685, sec. 4.1; peft's init_lora_weights='gaussian'",
    group=ADAPTER,
    requires=RANK,
    example={"rank": 8},
)
def lora_gaussian(rank: int, part: str = "A") -> Initializer:
    """A with standard deviation 1/r, as peft and diffusers draw it."""
    check_count("lora_gaussian", rank=rank)
    check_choice("lora_gaussian", "part", part, ("A", "B"))
    return Normal(1.0 / rank) if part == "A" else Zeros()


@scheme(
    "rslora",
    formula="A, B as lora; W + (α/√r) B A",
    source="Kalajdzievski 2023, arXiv 2312.03732, theorem 3.2",
    group=ADAPTER,
)
def rslora(part: str = "A") -> Initializer:
    """The start is LoRA's; the factor α/√r in place of α/r keeps high ranks learning."""
    return _lora("rslora", part)


@scheme(
    "pissa",
    formula="B = U_r √S_r, A = √S_r V_rᵀ, W ← W - B A",
    source="Meng, Wang & Zhang 2024, arXiv 2404.02948, eq. 2-4",
    group=ADAPTER,
    requires=("the weight", *RANK),
    function="isogain.pissa(weight, rank)",
)
def pissa() -> Initializer:
    """The adapter takes the largest singular directions of the weight; the rest is frozen."""
    use_function("pissa", "isogain.pissa(weight, rank)", "the weight it adapts")


@scheme(
    "olora",
    formula="W = Q R: B = Q_r, A = R_r, W ← W - s B A",
    source="Büyükakyüz 2024, arXiv 2406.01775, algorithm 1",
    group=ADAPTER,
    requires=("the weight", *RANK),
    function="isogain.olora(weight, rank)",
)
def olora() -> Initializer:
    """The adapter takes the first orthonormal directions of the weight's QR decomposition."""
    use_function("olora", "isogain.olora(weight, rank)", "the weight it adapts")
