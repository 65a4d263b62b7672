"""Recurrent networks and state space models."""

from __future__ import annotations

from isogain.core.initializers import ChronoBias, DiagonalState, Hippo, Identity, Initializer, StepBias
from isogain.core.names.rows import line, scheme

RECURRENT = "recurrent networks"
STATE_SPACE = "state space models"
S4D = "Gu et al. 2022, arXiv 2206.11893, sec. 4"


@scheme(
    "irnn",
    formula="W_hh = gain · I, b = 0, ReLU",
    source="Le, Jaitly & Hinton 2015, arXiv 1504.00941, sec. 2",
    group=RECURRENT,
)
def irnn(gain: float = 1.0) -> Initializer:
    """The state is kept until the input changes it; gain < 1 forgets."""
    return Identity(gain)


@scheme(
    "chrono",
    formula="b_f ~ ln U(1, T - 1), b_i = -b_f, others 0",
    source="Tallec & Ollivier 2018, arXiv 1804.11188, sec. 3",
    group=RECURRENT,
    requires=("longest memory in steps",),
    example={"horizon": 784},
)
def chrono(horizon: float, gates: str = "ifgo", spread: str = "uniform") -> Initializer:
    """Forget gates for memories of 2 to T steps; 'ifgo' is torch's and Keras' LSTM, 'rzn' torch's GRU.

    With spread 'log' b_f ~ U(0, ln(T - 1)): as many units for every octave of memories.
    """
    return ChronoBias(float(horizon), gates, spread)


@scheme(
    "hippo_legs",
    formula="A_nk = -√((2n+1)(2k+1)) for n > k, -(n+1) for n = k; B_n = √(2n+1)",
    source="Gu et al. 2020, arXiv 2008.07669, theorem 2",
    group=STATE_SPACE,
    aliases=("hippo",),
)
def hippo_legs(part: str = "A") -> Initializer:
    """The state remembers the whole past as Legendre coefficients; part 'A' (matrix) or 'B' (vector)."""
    return Hippo(part)


def _diagonal(kind: str, formula: str, source: str, says: str, *aliases: str) -> None:
    """One diagonal of state matrices; `form` is how the model holds it."""

    def make(form: str = "value") -> Initializer:
        return DiagonalState(kind, form)

    line(f"s4d_{kind}", formula, source, STATE_SPACE, says, make, *aliases)


_diagonal(
    "lin", "A_n = -1/2 + iπn", S4D,
    "Fourier-like states; form 'log' (ln of minus the real part) and 'imaginary' are what is trained.",
)  # fmt: skip
_diagonal(
    "inv", "A_n = -1/2 + i (N/π)(N/(2n+1) - 1)", S4D,
    "S4D-Inv, the closed form nearest to HiPPO's own frequencies; N is twice the length.",
)  # fmt: skip
_diagonal(
    "legs", "A_n = eigenvalues of A_HiPPO + PPᵀ, P_n = √(n + 1/2)", S4D,
    "The diagonal of HiPPO-LegS without its low-rank part.",
)  # fmt: skip
_diagonal(
    "real", "A_n = -(n+1); form='log': ln(n+1)", f"{S4D}; Gu & Dao 2023, arXiv 2312.00752",
    "Real, decaying states; Mamba trains A_log, which is form='log'.", "mamba_a",
)  # fmt: skip


@scheme(
    "mamba_dt",
    formula="dt = max(exp U(ln .001, ln .1), 1e-4), b = dt + ln(1 - e^-dt)",
    source="Gu & Dao 2023, arXiv 2312.00752, sec. 3.6",
    group=STATE_SPACE,
)
def mamba_dt(
    low: float = 0.001, high: float = 0.1, floor: float = 1e-4, form: str = "softplus"
) -> Initializer:
    """The bias whose softplus is a log-uniform step; form 'log' is S4's log dt."""
    return StepBias(low, high, floor, form)
