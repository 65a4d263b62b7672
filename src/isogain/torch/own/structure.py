"""What a module is made of, and what another way of building it would be made of, without memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

from isogain.torch.own.constructors import own_kind

__all__ = ["Build", "Form", "built", "form_of", "structure"]

Tensor = torch.Tensor
Build = Callable[[], nn.Module]
Form = dict[str, Any]


def structure(module: nn.Module) -> Form:
    """Parts by their paths, and the shapes and dtypes of what they hold; which buffers are not saved."""
    return {path: _of_one(one) for path, one in module.named_modules(remove_duplicate=False)}


def _of_one(module: nn.Module) -> tuple[Any, ...]:
    tables = module._parameters, module._buffers
    held = [{name: _form(each) for name, each in table.items()} for table in tables]
    return _name(module), *held, {*module._non_persistent_buffers_set}


def form_of(build: Build, most: int) -> Form | None:
    """The structure of what is built; None where nothing comes of it, or more parts than these."""
    twin = built(build, most)
    return None if twin is None else structure(twin)


def built(build: Build, most: int) -> nn.Module | None:
    """The same module itself, on the meta device."""
    left = iter(range(most))

    def count(*_: Any) -> None:
        next(left)

    handle = register_module_module_registration_hook(count)
    try:
        with (
            torch.random.fork_rng(devices=[]),
            warnings.catch_warnings(action="ignore"),
            torch.device("meta"),
        ):
            return build()
    except Exception:  # a library's own, or the parts have run out
        return None
    finally:
        handle.remove()


def _name(module: nn.Module) -> str:
    kind = own_kind(module) or type(module)
    return f"{kind.__module__}.{kind.__qualname__}"


def _form(tensor: Tensor | None) -> tuple[Any, ...] | None:
    return None if tensor is None else (tuple(tensor.shape), tensor.dtype)
