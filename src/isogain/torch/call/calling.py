"""How a model is called: what every pass over it, inspection, plan or calibration, has in common."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from isogain.errors import InspectError
from isogain.torch.call.explaining import explained
from isogain.torch.call.losses import Loss, LossLike, wants_targets
from isogain.torch.call.tensors import tensors_in

__all__ = [
    "OWN", "PROJECTION", "Loss", "applied", "arguments_of", "batch_of", "called", "check_call",
    "differentiated", "eager", "is_reentrant", "loss_of", "own_loss",
]  # fmt: skip

Tensor = torch.Tensor
PROJECTION = "random projection"
"""What stands for a loss where there is none."""
OWN = "output.loss"
"""A loss that the model worked out itself."""


def check_call(parameters: Mapping[str, nn.Parameter], loss: LossLike | None) -> None:
    """Refuse a loss or a model of parameters that no pass could be made with."""
    wants_targets(loss)
    lazy = [n for n, p in parameters.items() if nn.parameter.is_lazy(p)]
    if lazy:
        raise InspectError(
            f"{len(lazy)} lazy parameters have no shape yet ({', '.join(lazy[:3])}): call the model "
            f"once first"
        )


def arguments_of(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The batch as positional and keyword arguments, copied."""
    if isinstance(inputs, Mapping):
        return (), {str(name): _copied(value) for name, value in inputs.items()}
    if isinstance(inputs, (tuple, list)) and not hasattr(inputs, "_fields"):
        return tuple(_copied(value) for value in inputs), {}
    return (_copied(inputs),), {}


def _copied(value: Any) -> Any:
    """The same with tensors of its own: a model may write into what it is given."""

    def copy(tensor: Tensor) -> Tensor:
        return tensor.detach().clone().requires_grad_(tensor.requires_grad)

    return pytree.tree_map_only(Tensor, copy, value)


def batch_of(positional: tuple[Any, ...], named: dict[str, Any]) -> int:
    """The first size of the first tensor; 1 without tensors."""
    sizes = [t.shape[0] for t in tensors_in((positional, named)) if t.dim() > 0]
    return sizes[0] if sizes else 1


@contextmanager
def eager() -> Iterator[None]:
    """Compiled parts inside the model run as they were written.

    To load the compiler takes seconds, so that is left to a model that compiles something on its way.
    """
    with ExitStack() as stack:
        original = torch.compile

        def compile_(*args: Any, **kwargs: Any) -> Any:
            torch.compile = original
            stack.enter_context(torch.compiler.set_stance("force_eager"))
            return original(*args, **kwargs)

        if "torch._dynamo" in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        else:
            stack.callback(setattr, torch, "compile", original)
            torch.compile = compile_
        yield


def applied(model: nn.Module, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """What the model returns; InspectError where it raises, with what is wrong with the inputs."""
    hint = partial(explained, model, positional, named)
    return called(lambda: model(*positional, **named), "the model raised in forward", hint)


def called(run: Callable[[], Any], what: str, hint: Callable[[], str] = str) -> Any:
    """What `run` gives; InspectError in the words of `what` where it raises, and the hint behind them."""
    try:
        return run()
    except InspectError:
        raise
    except torch.OutOfMemoryError as error:
        raise InspectError(f"{what}: out of memory; inspect a smaller batch. {error}") from error
    except Exception as error:
        raise InspectError(f"{what}: {type(error).__name__}: {error}{hint()}") from error


def differentiated(value: Tensor, leaves: Sequence[Tensor], again: bool = False) -> Sequence[Tensor | None]:
    """The gradients of the leaves, those among them that a pass of the model's own left in `.grad`.

    Reversible blocks run such a pass on the way back, whatever gradients are asked for, and a re-entrant
    checkpoint forbids to ask: there `backward` leaves all of them.  To be called where the caller's own
    gradients are put back.
    """
    steps = _way_back(value)
    plain = all(leaf.is_leaf for leaf in leaves)
    if not _reenters(steps) and not (plain and _has_own_functions(steps)):
        return torch.autograd.grad(value, leaves, allow_unused=True, retain_graph=again)
    for leaf in leaves:
        if leaf.is_leaf:
            leaf.grad = None
    torch.autograd.backward(value, retain_graph=again)
    return [leaf.grad if leaf.is_leaf else None for leaf in leaves]


def is_reentrant(value: Tensor) -> bool:
    """Whether a checkpoint on the way back runs a backward pass of its own."""
    return _reenters(_way_back(value))


def _reenters(steps: Iterable[type]) -> bool:
    return any(one.__name__ == "CheckpointFunctionBackward" for one in steps)


def _has_own_functions(steps: Iterable[type]) -> bool:
    """Whether a step of the way back is written in Python, where a pass of its own may be hidden."""
    return any(issubclass(one, torch.autograd.function.BackwardCFunction) for one in steps)


def _way_back(value: Tensor) -> set[type]:
    """The kinds of steps from a value back to what it was made of."""
    seen, stack = set[Any](), [value.grad_fn]
    while stack:
        function = stack.pop()
        if function is not None and function not in seen:
            seen.add(function)
            for before, _ in function.next_functions:
                stack.append(before)
    return set(map(type, seen))


def loss_of(watcher: Any, output: Any, loss: Loss | None, seed: int = 0) -> tuple[Tensor | None, str]:
    """The number to differentiate, and what it is: the loss, the output's own, or a random projection."""
    if loss is not None:
        with watcher:
            value = called(lambda: loss(output), "the loss raised")
        if not isinstance(value, Tensor):
            raise InspectError(f"the loss must give a tensor, got {type(value).__name__}")
        return _one_number(value)
    given = own_loss(output)
    if given is not None:
        return (given if given.dim() == 0 else given.mean()), OWN
    return _projection(output, seed), PROJECTION


def own_loss(output: Any, *, learnt: bool = True) -> Tensor | None:
    """The loss that a model worked out itself: called so, or one number, alone or before all else.

    One number counts if a gradient comes from it, which `learnt=False` does not ask for.
    """
    given = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    if isinstance(given, Tensor) and given.is_floating_point():
        return given
    first = output[0] if isinstance(output, (tuple, list)) and output else output
    single = isinstance(first, Tensor) and first.dim() == 0 and first.is_floating_point()
    return first if single and (first.requires_grad or not learnt) else None


def _one_number(value: Tensor) -> tuple[Tensor, str]:
    """A loss as it is, or the mean of one that has a number for each sample, and that it is that."""
    if value.dim() == 0:
        return value, "loss"
    return value.mean(), f"the mean of a loss of {'x'.join(map(str, value.shape))} numbers"


def _projection(output: Any, seed: int) -> Tensor | None:
    """The sum over outputs of <v, output> / sqrt(size), v random signs; None if nothing is learnt."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for tensor in tensors_in(output):
        if tensor.requires_grad and tensor.numel() and (tensor.is_floating_point() or tensor.is_complex()):
            signs = torch.randint(0, 2, tensor.shape, generator=generator, dtype=torch.int8) * 2 - 1
            flat = torch.view_as_real(tensor).sum(-1) if tensor.is_complex() else tensor
            parts.append((flat.float() * signs.to(tensor.device)).sum() / math.sqrt(tensor.numel()))
    return torch.stack([part.cpu() for part in parts]).sum() if parts else None
