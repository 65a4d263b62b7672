"""torch's operations by name: what kind each is, and how those that use weights lay them out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from torch import Tensor

from isogain.graph.nodes import Kind

__all__ = [
    "ACTIVATIONS",
    "BLANK",
    "FACTORIES",
    "IN_PLACE_SETTERS",
    "KIND_OF",
    "LOSSES",
    "SKIPPED",
    "activation_of",
    "gives_back",
    "is_scale",
    "kind_of",
    "steps_of",
    "writes",
]

ACTIVATIONS: dict[str, str] = {
    "relu": "relu", "relu6": "relu6", "gelu": "gelu", "silu": "silu", "mish": "mish", "elu": "elu",
    "selu": "selu", "celu": "celu", "leaky_relu": "leaky_relu", "prelu": "prelu", "rrelu": "rrelu",
    "tanh": "tanh", "sigmoid": "sigmoid", "hardtanh": "hard_tanh", "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish", "softplus": "softplus", "softsign": "softsign", "logsigmoid": "log_sigmoid",
    "tanhshrink": "tanhshrink", "softshrink": "softshrink", "sin": "sin", "atan": "arctan",
    "arctan": "arctan",
    "erf": "erf", "threshold": "relu", "glu": "glu",
}  # fmt: skip
"""torch's name (without a trailing _) -> the name in isogain's table of activations."""

_KINDS: dict[Kind, str] = {
    "embedding": "embedding embedding_bag",
    "recurrent": "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell",
    "norm": "layer_norm batch_norm group_norm instance_norm rms_norm local_response_norm normalize",
    "add": "add sub __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ rsub subtract addcmul lerp",
    "multiply": "mul __mul__ __rmul__ __imul__ div __truediv__ __rtruediv__ __rdiv__ __itruediv__ "
    "multiply true_divide",
    "product": "matmul __matmul__ __rmatmul__ mm bmm baddbmm addmm einsum addbmm mv tensordot bilinear "
    "grouped_mm _grouped_mm grouped_mm_fallback",
    "softmax": "softmax log_softmax gumbel_softmax",
    "attention": "scaled_dot_product_attention multi_head_attention_forward",
    "pool": "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d "
    "mean sum max amax interpolate lp_pool2d max_pool2d_with_indices boolean_dispatch",
    "concatenate": "cat concat concatenate stack hstack vstack",
    "dropout": "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout",
    "shape": "view reshape transpose permute flatten unflatten squeeze unsqueeze expand contiguous "
    "chunk split "
    "unbind __getitem__ narrow to float half bfloat16 double type clone expand_as view_as t movedim swapaxes "
    "index_select gather select roll pad repeat repeat_interleave unfold fold pixel_shuffle type_as "
    "as_tensor asarray tensor_split detach einops_rearrange mT T reshape_as masked_fill cpu cuda "
    "requires_grad_",
    "loss": "cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy "
    "binary_cross_entropy_with_logits kl_div ctc_loss",
}  # fmt: skip
KIND_OF: dict[str, Kind] = {name: kind for kind, names in _KINDS.items() for name in names.split()}
WEIGHTED = {
    "linear": "weight", "conv1d": "weight", "conv2d": "weight", "conv3d": "weight",
    "conv_transpose1d": "weight", "conv_transpose2d": "weight", "conv_transpose3d": "weight",
}  # fmt: skip
_DIVIDING = frozenset(["div", "__truediv__", "__itruediv__", "true_divide"])
_INVERTING = frozenset(["__rtruediv__", "__rdiv__"])
_SCALES = frozenset(["rsqrt", "sqrt", "std", "var", "norm", "vector_norm"])
LOSSES = frozenset(_KINDS["loss"].split())
FACTORIES = frozenset(
    [
        "randn",
        "rand",
        "randint",
        "randperm",
        "normal",
        "bernoulli",
        "empty",
        "zeros",
        "ones",
        "full",
        "arange",
        "linspace",
        "tensor",
    ]
)
BLANK = frozenset(
    [
        "new_zeros",
        "new_ones",
        "new_full",
        "new_empty",
        "new_tensor",
        "zeros_like",
        "ones_like",
        "full_like",
        "empty_like",
        "rand_like",
        "randn_like",
        "randint_like",
        "empty_strided",
    ]
)
"""Factories that take shape and type from a tensor, but nothing of what it says."""
SKIPPED = frozenset(
    [
        "size",
        "dim",
        "numel",
        "stride",
        "__len__",
        "is_floating_point",
        "is_complex",
        "__repr__",
        "__format__",
        "__bool__",
        "item",
        "tolist",
        "__int__",
        "__float__",
        "__index__",
        "__hash__",
        "nelement",
        "data_ptr",
        "is_contiguous",
        "ndimension",
        "register_hook",
        "__deepcopy__",
        "numpy",
        "storage",
        "untyped_storage",
        "__dlpack__",
        "_set_grad_enabled",
        "get_device",
        "element_size",
        "__contains__",
        "retain_grad",
        "storage_offset",
        "is_set_to",
        "has_names",
        "is_signed",
        "_is_view",
        "__iter__",
        "backward",
    ]
)
"""Operations that hand on no signal."""
IN_PLACE_SIGNS = frozenset(
    ["__iadd__", "__isub__", "__imul__", "__itruediv__", "__idiv__", "__ifloordiv__", "__imod__", "__ipow__",
     "__iand__", "__ior__", "__ixor__", "__ilshift__", "__irshift__"]
)  # fmt: skip
IN_PLACE_SETTERS = frozenset({"__setitem__", "copy_", "index_put_", "index_add_", "scatter_", "scatter_add_"})


@lru_cache(maxsize=4096)
def writes(name: str) -> bool:
    """Whether an operation writes into its first argument, by its name: add_, __iadd__, __setitem__."""
    dunder = name.endswith("__")
    return (name.endswith("_") and not dunder) or name in IN_PLACE_SETTERS or name in IN_PLACE_SIGNS


@lru_cache(maxsize=4096)
def plain_name(name: str) -> str:
    """'relu_' -> 'relu'; double underscores stay."""
    return name if name.endswith("__") else name.rstrip("_")


@lru_cache(maxsize=4096)
def kind_of(name: str) -> Kind:
    """The kind of a torch operation by its name."""
    plain = plain_name(name)
    if plain in WEIGHTED:
        return "weight"
    if plain in ACTIVATIONS:
        return "activation"
    return KIND_OF.get(plain, "other")


def activation_of(
    name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[str | None, dict[str, float]]:
    """The activation's name in isogain's table and its parameters; of other operations no name, and what is
    asked of them: an axis, a probability, a factor."""
    plain = plain_name(name)
    if plain in ("clamp", "clamp_min", "clip"):
        return _clamped(args, kwargs)
    if plain == "scaled_dot_product_attention":
        scale = kwargs.get("scale", args[6] if len(args) > 6 else None)
        return None, {} if scale is None else {"scale": float(scale)}
    if kind_of(name) == "dropout":
        return None, _dropping(args, kwargs)
    if kind_of(name) == "softmax":
        return None, _along(plain, args, kwargs)
    if kind_of(name) == "multiply":
        return None, _times(plain, args, kwargs)
    found = ACTIVATIONS.get(plain)
    if found == "gelu" and kwargs.get("approximate", args[1] if len(args) > 1 else "none") == "tanh":
        return "gelu_tanh", {}
    if found == "leaky_relu":
        slope = kwargs.get("negative_slope", args[1] if len(args) > 1 else 0.01)
        return found, {"negative_slope": float(slope)}
    if found == "elu":
        return found, {"alpha": float(kwargs.get("alpha", args[1] if len(args) > 1 else 1.0))}
    if found == "hard_tanh":
        low = kwargs.get("min_val", args[1] if len(args) > 1 else -1.0)
        high = kwargs.get("max_val", args[2] if len(args) > 2 else 1.0)
        if (low, high) == (0, 6):
            return "relu6", {}
        return found, {"min_val": float(low), "max_val": float(high)}
    return found, {}


def _clamped(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str | None, dict[str, float]]:
    """What is cut off at 0 from below is a ReLU; else the bounds, where both are plain numbers."""
    low = kwargs.get("min", args[1] if len(args) > 1 else None)
    high = kwargs.get("max", args[2] if len(args) > 2 else None)
    if isinstance(low, (int, float)) and low == 0 and high is None:
        return "relu", {}
    bounded = isinstance(low, (int, float)) and isinstance(high, (int, float))
    return None, {"low": float(low), "high": float(high)} if bounded else {}


def _times(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, float]:
    """The number that a signal is multiplied by, where it is a plain one."""
    number = next((one for one in (*args, *kwargs.values()) if type(one) in (int, float)), None)
    if number is None or ((divides := name in _DIVIDING) and number == 0) or name in _INVERTING:
        return {}
    return {"factor": 1 / number if divides else float(number)}


def _dropping(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, float]:
    """The probability of (input, p, training), where it drops."""
    p, on = (kwargs.get(key, args[k] if len(args) > k else None) for k, key in ((1, "p"), (2, "training")))
    return {"p": float(p)} if on is not False and isinstance(p, (int, float)) else {}


def _along(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, float]:
    """The axis of (logits, dim), or of (logits, tau, hard, eps, dim), counted from the first."""
    logits = args[0] if args else kwargs.get("input", kwargs.get("logits"))
    place = 4 if name == "gumbel_softmax" else 1
    dim = kwargs.get("dim", kwargs.get("axis", args[place] if len(args) > place else None))
    if not isinstance(logits, Tensor) or not isinstance(dim, int | None) or not logits.dim():
        return {}
    if dim is None:  # what torch.nn.functional takes where nothing is said
        dim = -1 if place == 4 else int(logits.dim() not in (1, 3))
    return {"axis": float(dim % logits.dim())}


def steps_of(kind: str, args: tuple[Any, ...]) -> int:
    """The length of the sequence that a recurrent operation runs through; 1 for a cell and for anything else.

    Two signatures: (input, state, weights, ..., batch_first), and packed (data, batch_sizes, state, ...).
    """
    if kind != "recurrent" or len(args) < 9 or not isinstance(args[-1], bool):
        return 1
    if isinstance(args[1], Tensor) and not args[1].is_floating_point():
        return len(args[1])
    return int(args[0].shape[1 if args[-1] else 0])


def is_scale(name: str, args: tuple[Any, ...]) -> bool:
    """Whether it makes the size of a signal, as what norms divide by."""
    plain = plain_name(name)
    rooted = plain in ("pow", "__pow__") and len(args) > 1
    return plain in _SCALES or (rooted and isinstance(args[1], float) and abs(args[1]) == 0.5)


def gives_back(name: str, args: tuple[Any, ...], result: Any) -> bool:
    """Whether the very tensor that was given came back: a cast to the type it has, a copy not needed."""
    return bool(args) and result is args[0] and isinstance(result, Tensor) and kind_of(name) == "shape"
