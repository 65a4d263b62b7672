"""The activations and their derivatives on float64 arrays, safe from overflow."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from isogain.core.activations.quadrature import Floats

__all__ = ["Function"]

Function = Callable[[Floats], Floats]

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


# scipy.special takes longer to import than a whole advice: the C library's erfc serves, element by element
def _mapped(function: Callable[[float], float], x: Floats) -> Floats:
    flat = np.asarray(x, dtype=np.float64)
    return np.fromiter(map(function, flat.ravel().tolist()), np.float64, flat.size).reshape(flat.shape)


def ndtr(x: Floats) -> Floats:
    """The standard normal distribution function."""
    return 0.5 * _mapped(math.erfc, x * -math.sqrt(0.5))


def expit(x: Floats) -> Floats:
    """1 / (1 + e^{-x}), with the digits of its small values on either side."""
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, small) / (1 + small))


def normal_density(x: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * np.square(np.clip(x, -40, 40))) / math.sqrt(2 * math.pi))


def two_slopes(negative: float, positive: float) -> tuple[Function, Function]:
    """a- x below 0, a+ x above: linear, ReLU and its leaky relatives, the absolute value."""
    return (
        lambda x: np.where(x > 0, positive * x, negative * x),
        lambda x: np.where(x > 0, positive, negative),
    )


def elu(alpha: float = 1.0, scale: float = 1.0, width: float = 1.0) -> tuple[Function, Function]:
    """scale * (x, or alpha (e^{x / width} - 1) below 0)."""

    def function(x: Floats) -> Floats:
        return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / width))

    def derivative(x: Floats) -> Floats:
        return scale * np.where(x > 0, 1.0, alpha / width * np.exp(np.minimum(x, 0) / width))

    return function, derivative


def gelu(x: Floats) -> Floats:
    return np.asarray(x * ndtr(x))


def gelu_slope(x: Floats) -> Floats:
    return np.asarray(ndtr(x) + x * normal_density(x))


def gelu_tanh(x: Floats) -> Floats:
    return np.asarray(0.5 * x * (1 + np.tanh(_gelu_argument(x))))


def gelu_tanh_slope(x: Floats) -> Floats:
    t = np.tanh(_gelu_argument(x))
    inner = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return np.asarray(0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)


def _gelu_argument(x: Floats) -> Floats:
    return np.asarray(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def swish(beta: float) -> tuple[Function, Function]:
    """x * sigmoid(beta x): SiLU for beta 1, the quick GELU for 1.702."""

    def derivative(x: Floats) -> Floats:
        s = expit(beta * x)
        return np.asarray(s + beta * x * s * expit(-beta * x))

    return (lambda x: np.asarray(x * expit(beta * x))), derivative


def mish(x: Floats) -> Floats:
    return np.asarray(x * np.tanh(np.logaddexp(0, x)))


def mish_slope(x: Floats) -> Floats:
    t = np.tanh(np.logaddexp(0, x))
    return np.asarray(t + x * (1 - t * t) * expit(x))


def softplus(beta: float) -> tuple[Function, Function]:
    return (lambda x: np.asarray(np.logaddexp(0, beta * x) / beta)), (lambda x: expit(beta * x))


def tanh_slope(x: Floats) -> Floats:
    return np.asarray(1 / np.square(np.cosh(np.clip(x, -350, 350))))


def sigmoid(x: Floats) -> Floats:
    return np.asarray(expit(x))


def sigmoid_slope(x: Floats) -> Floats:
    return np.asarray(expit(x) * expit(-x))


def log_sigmoid(x: Floats) -> Floats:
    return np.asarray(-np.logaddexp(0, -x))


def log_sigmoid_slope(x: Floats) -> Floats:
    return np.asarray(expit(-x))


def clipped(low: float, high: float, slope: float = 1.0, offset: float = 0.0) -> tuple[Function, Function]:
    """slope * x + offset, held inside [low, high]."""

    def derivative(x: Floats) -> Floats:
        inside = (slope * x + offset > low) & (slope * x + offset < high)
        return np.where(inside, slope, 0.0)

    return (lambda x: np.clip(slope * x + offset, low, high)), derivative


def hard_swish(x: Floats) -> Floats:
    return np.asarray(x * np.clip(x + 3, 0, 6) / 6)


def hard_swish_slope(x: Floats) -> Floats:
    return np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, (2 * x + 3) / 6))


def erf(x: Floats) -> Floats:
    return _mapped(math.erf, x)


def erf_slope(x: Floats) -> Floats:
    return np.asarray(2 / math.sqrt(math.pi) * np.exp(-np.square(np.clip(x, -27, 27))))


def sine(omega: float) -> tuple[Function, Function]:
    return (lambda x: np.sin(omega * x)), (lambda x: omega * np.cos(omega * x))


def softsign(x: Floats) -> Floats:
    return np.asarray(x / (1 + np.abs(x)))


def softsign_slope(x: Floats) -> Floats:
    return np.asarray(1 / np.square(1 + np.abs(x)))


def arctan_slope(x: Floats) -> Floats:
    return np.asarray(1 / (1 + x * x))


def tanhshrink(x: Floats) -> Floats:
    small = x**3 / 3 - 2 * x**5 / 15  # x - tanh x cancels to nothing near 0
    return np.where(np.abs(x) < 1e-3, small, x - np.tanh(x))


def tanhshrink_slope(x: Floats) -> Floats:
    return np.asarray(np.square(np.tanh(x)))


def softshrink(threshold: float) -> tuple[Function, Function]:
    return (
        lambda x: np.sign(x) * np.maximum(np.abs(x) - threshold, 0),
        lambda x: np.where(np.abs(x) > threshold, 1.0, 0.0),
    )


def relu_squared(x: Floats) -> Floats:
    return np.square(np.maximum(x, 0))


def relu_squared_slope(x: Floats) -> Floats:
    return 2 * np.maximum(x, 0)


def snake(omega: float) -> tuple[Function, Function]:
    return (
        lambda x: x + np.square(np.sin(omega * x)) / omega,
        lambda x: 1 + np.sin(2 * omega * x),
    )


def gaussian(x: Floats) -> Floats:
    return np.asarray(np.exp(-np.square(np.clip(x, -27, 27))))


def gaussian_slope(x: Floats) -> Floats:
    return np.asarray(-2 * x * gaussian(x))
