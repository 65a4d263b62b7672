"""The loss as a function of the output alone, whether it was given by name or wants targets as well."""

from __future__ import annotations

import inspect as signatures
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import nn
from torch.nn import functional

from isogain.checking import nearest, shown
from isogain.errors import InspectError
from isogain.torch.call.tensors import tensors_in

__all__ = [
    "Bound", "Loss", "LossLike", "LossName", "Named", "bound_loss", "parted", "target_name", "wants_targets",
]  # fmt: skip

Tensor = torch.Tensor
Loss = Callable[[Any], Tensor]
LossName = Literal["cross_entropy", "mse", "bce"]
LossLike = Loss | LossName | Callable[[Any, Any], Tensor]
"""A function of the output; or a name or a function of output and targets, which the inputs then end in."""
TARGETS = ("labels", "label", "targets", "target", "y")
"""What a mapping may call them, the first that is there."""


def wants_targets(loss: Any) -> bool:
    """Whether a loss is asked with targets.  Raises InspectError for what can be no loss."""
    if isinstance(loss, str):
        _check_name(loss)
        return True
    if isinstance(loss, type):
        raise InspectError(f"loss is the class {loss.__name__}, not one of it: did you forget the ()?")
    if loss is not None and not callable(loss):
        raise InspectError(
            f"loss must be a callable on the model's output or one of {_known()}, got {shown(loss)}"
        )
    return loss is not None and _required(loss) > 1


def _known() -> str:
    return ", ".join(map(repr, get_args(LossName)))


def _check_name(name: str) -> None:
    if name not in get_args(LossName):
        hint = nearest(name.lower(), get_args(LossName)) or "or give a function of the model's output"
        raise InspectError(f"no loss is called {name!r}; there are {_known()}; {hint}")


def _required(loss: Callable[..., Any]) -> int:
    """How many positional arguments a loss cannot do without; 1 where it does not tell."""
    try:
        found = signatures.signature(loss.forward if isinstance(loss, nn.Module) else loss)
    except (TypeError, ValueError):
        return 1
    places = (signatures.Parameter.POSITIONAL_ONLY, signatures.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in places and one.default is one.empty for one in found.parameters.values())


def parted(inputs: Any, loss: LossLike) -> tuple[Any, Any]:
    """Inputs without the targets, and the targets: the last of several, or a mapping's own word for them."""
    if isinstance(inputs, Mapping):
        name = target_name(inputs)
        if name is not None:
            return {str(key): value for key, value in inputs.items() if key != name}, inputs[name]
    elif isinstance(inputs, (tuple, list)) and len(inputs) > 1 and not hasattr(inputs, "_fields"):
        *given, targets = inputs
        return (given[0] if len(given) == 1 else tuple(given)), targets
    called = repr(loss) if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    raise InspectError(
        f"the loss {called} needs targets as well: give inputs=(x, y), of which the last are the targets (in "
        f"a mapping: {', '.join(TARGETS)}), or a loss of the output alone: "
        f"lambda output: torch.nn.functional.cross_entropy(output, targets)"
    )


def target_name(inputs: Mapping[str, Any]) -> str | None:
    """What a mapping calls its targets."""
    return next((one for one in TARGETS if one in inputs), None)


def bound_loss(loss: LossLike, targets: Any) -> Loss:
    """The loss with its targets."""
    return Named(loss, targets) if isinstance(loss, str) else Bound(loss, targets)


@dataclass(frozen=True, eq=False)
class Bound:
    """A function of output and targets with its targets."""

    function: Callable[..., Tensor]
    targets: Any

    def __call__(self, output: Any) -> Tensor:
        """The loss."""
        device = next((t.device for t in _tensors(output)), None)
        targets = self.targets.to(device) if isinstance(self.targets, Tensor) else self.targets
        return self.function(output, targets)


@dataclass(frozen=True, eq=False)
class Named:
    """A loss by its name: of the output's logits, or its first tensor."""

    name: str
    targets: Any

    def __call__(self, output: Any) -> Tensor:
        """The loss, averaged.  Raises InspectError for targets that do not go with the output."""
        prediction = next(iter(_tensors(output)), None)
        if prediction is None:
            raise InspectError(f"loss {self.name!r} needs a tensor, and the model gives {shown(output)}")
        targets = torch.as_tensor(self.targets, device=prediction.device)
        return _BY_NAME[self.name](prediction, targets)


def _tensors(output: Any) -> list[Tensor]:
    """What a prediction may be, the likeliest first."""
    if isinstance(output, Tensor):
        return [output]
    logits = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    return [one for one in (logits, *tensors_in(output)) if isinstance(one, Tensor)]


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Classes along the last axis, as language models have them, or along axis 1, as PyTorch does."""
    if targets.is_floating_point() and targets.shape == logits.shape:
        return functional.cross_entropy(logits, targets)
    targets = targets.long()
    if targets.shape == (len(logits), 1) and logits.dim() == 2:
        targets = targets[:, 0]
    if logits.dim() > 2 and targets.shape == logits.shape[:-1]:
        logits, targets = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    elif logits.dim() < 2 or targets.shape != (logits.shape[0], *logits.shape[2:]):
        raise _unlike("cross_entropy", logits, targets, "one class for each row of logits")
    classes, most = logits.shape[1], int(targets.max()) if targets.numel() and not targets.is_meta else 0
    if most >= classes:
        raise InspectError(f"cross_entropy: a target is class {most}, and the model has {classes} outputs")
    return functional.cross_entropy(logits, targets)


def _alike(name: str, loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss of output and targets of one shape; (n,) and (n, 1) are the same."""

    def of(prediction: Tensor, targets: Tensor) -> Tensor:
        if prediction.squeeze().shape != targets.squeeze().shape:
            raise _unlike(name, prediction, targets, "a target for each output")
        return loss(prediction, targets.reshape(prediction.shape).to(prediction.dtype))

    return of


def _unlike(name: str, prediction: Tensor, targets: Tensor, asked: str) -> InspectError:
    return InspectError(
        f"{name}: the output has the shape {tuple(prediction.shape)} and the targets {tuple(targets.shape)}; "
        f"it wants {asked}"
    )


_BY_NAME: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": _cross_entropy,
    "mse": _alike("mse", functional.mse_loss),
    "bce": _alike("bce", functional.binary_cross_entropy_with_logits),
}
"""'bce' is that of logits."""
