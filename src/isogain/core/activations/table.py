"""The table of activations: one row each; tests, documentation and the command walk it by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from isogain.core.activations import closed_forms as closed
from isogain.core.activations import functions as f
from isogain.core.activations.closed_forms import ClosedForms
from isogain.core.activations.functions import Function

__all__ = ["ROWS", "Row"]

Pieces = tuple[tuple[Function, Function], tuple[float, ...], ClosedForms]
"""((function, derivative), kinks, closed forms)"""


@dataclass(frozen=True)
class Row:
    """One activation: how to make it from its parameters, and what frameworks call it.

    `make` takes the parameters of `defaults` by keyword; `frameworks` names are strings only.
    """

    name: str
    formula: str
    make: Callable[..., Pieces]
    source: str
    aliases: tuple[str, ...] = ()
    defaults: Mapping[str, float] = field(default_factory=dict)
    frameworks: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


UNKNOWN = ClosedForms()


def _smooth(function: Function, derivative: Function, forms: ClosedForms = UNKNOWN) -> Callable[[], Pieces]:
    return lambda: ((function, derivative), (), forms)


def _leaky(negative_slope: float) -> Pieces:
    kinks = () if negative_slope == 1 else (0.0,)
    return f.two_slopes(negative_slope, 1.0), kinks, closed.two_slopes(negative_slope, 1.0)


def _rrelu(lower: float, upper: float) -> Pieces:
    return _leaky((lower + upper) / 2)


def _elu(alpha: float = 1.0, scale: float = 1.0, width: float = 1.0) -> Pieces:
    return f.elu(alpha, scale, width), (0.0,), closed.elu(alpha, scale, width)


def _clip(min_val: float, max_val: float) -> Pieces:
    return f.clipped(min_val, max_val), (min_val, max_val), UNKNOWN


def _names(torch: str = "", keras: str = "", jax: str = "") -> dict[str, str]:
    named = {"torch": torch, "keras": keras, "jax": jax}
    return {framework: name for framework, name in named.items() if name}


ROWS: tuple[Row, ...] = (
    Row("linear", "x", lambda: (f.two_slopes(1, 1), (), closed.two_slopes(1, 1)), "",
        ("identity", "none"), frameworks=_names("Identity", "linear", "identity")),
    Row("relu", "max(x, 0)", lambda: _leaky(0.0), "Nair & Hinton 2010",
        ("rectifier",), frameworks=_names("ReLU", "relu", "relu")),
    Row("leaky_relu", "x above 0, negative_slope x below", _leaky, "Maas et al. 2013",
        ("leakyrelu", "lrelu"), {"negative_slope": 0.01}, _names("LeakyReLU", "leaky_relu", "leaky_relu")),
    Row("prelu", "x above 0, negative_slope x below; the slope is learnt", _leaky, "He et al. 2015",
        (), {"negative_slope": 0.25}, _names("PReLU", "PReLU"), note="at its initial slope"),
    Row("rrelu", "x above 0, a x below; a uniform on [lower, upper] in training, its mean in testing", _rrelu,
        "Xu et al. 2015", (), {"lower": 1 / 8, "upper": 1 / 3}, _names("RReLU"), note="at its mean slope"),
    Row("elu", "x above 0, alpha (e^x - 1) below", lambda alpha: _elu(alpha), "Clevert et al. 2016",
        (), {"alpha": 1.0}, _names("ELU", "elu", "elu")),
    Row("selu", "1.0507 x above 0, 1.7581 (e^x - 1) below", lambda: _elu(f.SELU_ALPHA, f.SELU_SCALE),
        "Klambauer et al. 2017", frameworks=_names("SELU", "selu", "selu")),
    Row("celu", "x above 0, alpha (e^{x / alpha} - 1) below", lambda alpha: _elu(alpha, 1.0, alpha),
        "Barron 2017", (), {"alpha": 1.0}, _names("CELU", "celu", "celu")),
    Row("gelu", "x Phi(x)", _smooth(f.gelu, f.gelu_slope, closed.gelu()), "Hendrycks & Gimpel 2016",
        ("gelu_exact", "gelu_erf", "gelu_none"), frameworks=_names("GELU", "gelu", "gelu")),
    Row("gelu_tanh", "x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2",
        _smooth(f.gelu_tanh, f.gelu_tanh_slope), "Hendrycks & Gimpel 2016",
        ("gelu_new", "gelu_approximate", "gelu_pytorch_tanh"),
        frameworks=_names("GELU(approximate='tanh')", "gelu(approximate=True)", "gelu(approximate=True)")),
    Row("quick_gelu", "x sigmoid(1.702 x)", lambda: (f.swish(1.702), (), UNKNOWN), "Hendrycks & Gimpel 2016",
        ("gelu_sigmoid",)),
    Row("silu", "x sigmoid(x)", lambda: (f.swish(1.0), (), UNKNOWN), "Elfwing et al. 2017",
        (), frameworks=_names("SiLU", "silu", "silu")),
    Row("swish", "x sigmoid(beta x)", lambda beta: (f.swish(beta), (), UNKNOWN), "Ramachandran et al. 2017",
        (), {"beta": 1.0}, _names("SiLU", "swish", "swish")),
    Row("mish", "x tanh(ln(1 + e^x))", _smooth(f.mish, f.mish_slope), "Misra 2019",
        frameworks=_names("Mish", "mish", "mish")),
    Row("softplus", "ln(1 + e^{beta x}) / beta", lambda beta: (f.softplus(beta), (), UNKNOWN),
        "Dugas et al. 2001", (), {"beta": 1.0}, _names("Softplus", "softplus", "softplus")),
    Row("tanh", "tanh(x)", _smooth(np.tanh, f.tanh_slope), "", frameworks=_names("Tanh", "tanh", "tanh")),
    Row("sigmoid", "1 / (1 + e^{-x})", _smooth(f.sigmoid, f.sigmoid_slope), "",
        ("logistic", "expit"), frameworks=_names("Sigmoid", "sigmoid", "sigmoid")),
    Row("log_sigmoid", "-ln(1 + e^{-x})", _smooth(f.log_sigmoid, f.log_sigmoid_slope), "",
        ("logsigmoid",), frameworks=_names("LogSigmoid", "log_sigmoid", "log_sigmoid")),
    Row("hard_tanh", "x held inside [min_val, max_val]", _clip, "Collobert 2004",
        ("hardtanh",), {"min_val": -1.0, "max_val": 1.0}, _names("Hardtanh", "hard_tanh", "hard_tanh")),
    Row("hard_sigmoid", "x / 6 + 1/2 held inside [0, 1]",
        lambda: (f.clipped(0, 1, 1 / 6, 0.5), (-3.0, 3.0), UNKNOWN), "Courbariaux et al. 2015",
        ("hardsigmoid",), frameworks=_names("Hardsigmoid", "hard_sigmoid", "hard_sigmoid")),
    Row("hard_swish", "x min(max(x + 3, 0), 6) / 6",
        lambda: ((f.hard_swish, f.hard_swish_slope), (-3.0, 3.0), UNKNOWN), "Howard et al. 2019",
        ("hardswish", "hard_silu"), frameworks=_names("Hardswish", "hard_silu", "hard_silu")),
    Row("relu6", "x held inside [0, 6]", lambda: _clip(0.0, 6.0), "Krizhevsky 2010",
        frameworks=_names("ReLU6", "relu6", "relu6")),
    Row("erf", "erf(x)", _smooth(f.erf, f.erf_slope, closed.erf()), "Williams 1998",
        frameworks=_names("torch.erf", "", "jax.lax.erf")),
    Row("sin", "sin(omega x)", lambda omega: (f.sine(omega), (), closed.sine(omega)), "Sitzmann et al. 2020",
        ("sine", "siren"), {"omega": 1.0}, _names("torch.sin", "", "jax.numpy.sin")),
    Row("softsign", "x / (1 + |x|)", lambda: ((f.softsign, f.softsign_slope), (0.0,), UNKNOWN),
        "Bergstra et al. 2009", frameworks=_names("Softsign", "softsign", "soft_sign"),
        note="its second derivative jumps at 0"),
    Row("arctan", "arctan(x)", _smooth(np.arctan, f.arctan_slope), "", ("atan",),
        frameworks=_names("torch.atan", "", "jax.numpy.arctan")),
    Row("tanhshrink", "x - tanh(x)", _smooth(f.tanhshrink, f.tanhshrink_slope), "", ("tanh_shrink",),
        frameworks=_names("Tanhshrink", "tanh_shrink")),
    Row("softshrink", "x shrunk towards 0 by threshold",
        lambda threshold: (f.softshrink(threshold), (-threshold, threshold), UNKNOWN), "Donoho 1995",
        ("soft_shrink",), {"threshold": 0.5}, _names("Softshrink", "soft_shrink")),
    Row("relu_squared", "max(x, 0)^2", lambda: ((f.relu_squared, f.relu_squared_slope), (0.0,), UNKNOWN),
        "So et al. 2021", ("squared_relu", "relu2")),
    Row("snake", "x + sin(omega x)^2 / omega", lambda omega: (f.snake(omega), (), UNKNOWN),
        "Ziyin et al. 2020", (), {"omega": 1.0}),
    Row("absolute", "|x|", lambda: (f.two_slopes(-1, 1), (0.0,), closed.two_slopes(-1, 1)), "", ("abs",),
        frameworks=_names("torch.abs", "", "jax.numpy.abs")),
    Row("gaussian", "e^{-x^2}", _smooth(f.gaussian, f.gaussian_slope), "Broomhead & Lowe 1988"),
)  # fmt: skip
