"""torch.nn.init's functions by name and argument, drawn by isogain.

Each takes torch's own arguments, then `seed` and `path`:

* `seed` given: the weights are a function of (seed, path) alone, the same bits as
  `ig.draw("torch.<name>", shape, layout="out in *", seed=seed, path=path)`;
* `generator` given: one 63-bit seed is drawn from it;
* neither: that seed comes from torch's default generator, as in the function each replaces, so
  `torch.manual_seed` governs it.

A tensor that transformers marked as loaded (`_is_hf_initialized`) is left alone, as transformers' own
guarded functions leave it: a partial `from_pretrained` keeps what it loaded.

The laws are exact where torch's are not: no outliers in `trunc_normal_`, 16-bit types drawn in
float32 and rounded once, and the same bits on every device and shard.
"""

from __future__ import annotations

import warnings

import torch

from isogain.checking import Checks, shown
from isogain.core.geometry.layout import Layout
from isogain.core.names.dialects import pytorch as law
from isogain.core.names.dialects.pytorch import calculate_gain
from isogain.core.values.initializer import Initializer
from isogain.errors import InitializerError
from isogain.torch.draw.fill import COMPUTED, LAYOUT, fill_, is_computed, named, require_tensor

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

Tensor = torch.Tensor
Generator = torch.Generator | None


def _fill(
    tensor: Tensor,
    initializer: Initializer,
    generator: Generator,
    seed: int | None,
    path: str,
    *,
    layout: str | Layout = LAYOUT,
    groups: int = 1,
) -> Tensor:
    require_tensor(tensor)
    if getattr(tensor, "_is_hf_initialized", False):  # transformers loaded it, and its own functions skip it
        return tensor
    if seed is None:
        seed = _seed_from(generator)
    elif generator is not None:
        raise InitializerError("give either seed or generator, not both: each decides the weights alone")
    if tensor.numel() == 0:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return tensor
    target = tensor
    if is_computed(tensor):
        warnings.warn(f"{named(path)} {COMPUTED}", stacklevel=3)
        target = tensor.detach()  # written all the same, as torch does
    fill_(target, initializer, seed=seed, path=path, layout=layout, groups=groups)
    return tensor


def _seed_from(generator: Generator) -> int:
    if generator is not None and not isinstance(generator, torch.Generator):
        raise InitializerError(f"generator must be a torch.Generator or None, got {shown(generator)}")
    device = torch.device("cpu") if generator is None else generator.device
    return int(torch.randint(0, 2**63 - 1, (), generator=generator, device=device).item())


def _elementwise(tensor: Tensor) -> str:
    """A layout for laws that ask for no fans: any shape will do, also a scalar."""
    require_tensor(tensor)
    return " ".join(["out"] * tensor.dim()) or "*"


def _require_axes(name: str, tensor: Tensor, allowed: tuple[int, ...]) -> None:
    require_tensor(tensor)
    if tensor.dim() not in allowed:
        raise InitializerError(
            f"{name} fills tensors of {' or '.join(map(str, allowed))} axes, "
            f"got the shape {tuple(tensor.shape)}"
        )


def uniform_(
    tensor: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    generator: Generator = None,
    *,
    seed: int | None = None,
    path: str = "",
) -> Tensor:
    """The tensor, filled in place from U[a, b); b is never reached, in any dtype.

    >>> uniform_(torch.empty(3, 5), seed=0).shape
    torch.Size([3, 5])
    """
    return _fill(tensor, law.uniform_(a, b), generator, seed, path, layout=_elementwise(tensor))


def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: Generator = None,
    *,
    seed: int | None = None,
    path: str = "",
) -> Tensor:
    """The tensor, filled in place from N(mean, std^2)."""
    return _fill(tensor, law.normal_(mean, std), generator, seed, path, layout=_elementwise(tensor))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator = None,
    *,
    seed: int | None = None,
    path: str = "",
) -> Tensor:
    """The tensor, filled in place from N(mean, std^2) conditioned on [a, b].

    a and b are absolute, as in torch: trunc_normal_(w, std=0.02) cuts at 100 sigma, which is to say
    nowhere.  `ig.TruncatedNormal(std=0.02)` cuts at 2 sigma.
    """
    chosen = law.trunc_normal_(mean, std, a, b)
    return _fill(tensor, chosen, generator, seed, path, layout=_elementwise(tensor))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """The tensor, every element set to `val`."""
    return _fill(tensor, law.constant_(val), None, 0, "", layout=_elementwise(tensor))


def ones_(tensor: Tensor) -> Tensor:
    """The tensor, every element set to 1."""
    return _fill(tensor, law.ones_(), None, 0, "", layout=_elementwise(tensor))


def zeros_(tensor: Tensor) -> Tensor:
    """The tensor, every element set to 0."""
    return _fill(tensor, law.zeros_(), None, 0, "", layout=_elementwise(tensor))


def eye_(tensor: Tensor) -> Tensor:
    """The matrix, set to the identity; InitializerError unless it has two axes."""
    _require_axes("eye_", tensor, (2,))
    return _fill(tensor, law.eye_(), None, 0, "")


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The kernel (3 to 5 axes), set so that its convolution passes the channels on, group by group.

    InitializerError for other shapes, or when the first axis does not divide by `groups`.
    """
    _require_axes("dirac_", tensor, (3, 4, 5))
    groups = Checks(InitializerError).whole("dirac_: groups", groups)
    if tensor.shape[0] % groups:
        raise InitializerError(
            f"dirac_: {tensor.shape[0]} output channels do not divide into {groups} groups"
        )
    return _fill(tensor, law.dirac_(), None, 0, "", groups=groups)


def xavier_uniform_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: Generator = None,
    *,
    seed: int | None = None,
    path: str = "",
) -> Tensor:
    """The tensor, filled in place from U(+-gain sqrt(6 / (fan_in + fan_out))) (Glorot & Bengio 2010)."""
    return _fill(tensor, law.xavier_uniform_(gain), generator, seed, path)


def xavier_normal_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: Generator = None,
    *,
    seed: int | None = None,
    path: str = "",
) -> Tensor:
    """The tensor, filled in place from N(0, gain^2 2 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    return _fill(tensor, law.xavier_normal_(gain), generator, seed, path)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator = None,
    *,
    seed: int | None = None,
    path: str = "",
) -> Tensor:
    """The tensor, filled in place from U(+-gain sqrt(3 / fan)) (He et al. 2015)."""
    return _fill(tensor, law.kaiming_uniform_(a, mode, nonlinearity), generator, seed, path)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator = None,
    *,
    seed: int | None = None,
    path: str = "",
) -> Tensor:
    """The tensor, filled in place from N(0, gain^2 / fan) (He et al. 2015).

    >>> w = kaiming_normal_(torch.empty(512, 784), nonlinearity="relu", seed=0, path="fc1.weight")
    >>> round(float(w.std() * (784 / 2) ** 0.5), 2)
    1.0
    """
    return _fill(tensor, law.kaiming_normal_(a, mode, nonlinearity), generator, seed, path)


def orthogonal_(
    tensor: Tensor,
    gain: float = 1,
    generator: Generator = None,
    *,
    seed: int | None = None,
    path: str = "",
) -> Tensor:
    """The tensor, its first axis against all others, filled with gain times a Haar orthogonal matrix.

    InitializerError for fewer than two axes (Saxe et al. 2014).
    """
    return _fill(tensor, law.orthogonal_(gain), generator, seed, path)


def sparse_(
    tensor: Tensor,
    sparsity: float,
    std: float = 0.01,
    generator: Generator = None,
    *,
    seed: int | None = None,
    path: str = "",
) -> Tensor:
    """The matrix, filled from N(0, std^2), ceil(sparsity * rows) of every column set to 0 (Martens 2010)."""
    _require_axes("sparse_", tensor, (2,))
    return _fill(tensor, law.sparse_(sparsity, std), generator, seed, path)
