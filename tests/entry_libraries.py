"""A library of two models for tests: its entries give what no module keeps."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import isogain.torch as igt

__all__ = ["Net", "create_model", "deep", "home", "small", "started_here", "with_another_head"]


class Block(nn.Module):
    """Keeps what its bias begins with, and twice its share; not its scale."""

    def __init__(self, width: int, scale: float, level: float, share: float) -> None:
        super().__init__()
        self.level = level
        self.twice = 2 * share
        self.layer = nn.Linear(width, width)
        self.gamma = nn.Parameter(scale * torch.ones(width))
        nn.init.constant_(self.layer.bias, level)
        nn.init.normal_(self.layer.weight, std=self.twice)


class Net(nn.Module):
    """In the way of timm's: most of its arguments are kept nowhere."""

    def __init__(
        self, width: int = 6, depth: int = 2, num_classes: int = 5, scale: float = 0.1, level: float = 0.5,
        share: float = 0.2, is_scaled: bool = True, rate: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_classes = num_classes
        self.blocks = nn.ModuleList(Block(width, scale, level, share) for _ in range(depth))
        self.head = nn.Linear(width, num_classes) if num_classes else nn.Identity()
        if num_classes and is_scaled:
            nn.init.constant_(self.head.weight, rate)
            nn.init.constant_(self.head.bias, rate)


def small(pretrained: bool = False, **options: Any) -> Net:
    return Net(**{"depth": 2, "scale": 1e-3, **options})


def deep(pretrained: bool = False, **options: Any) -> Net:
    return Net(**{"depth": 3, "scale": 1e-6, **options})


def create_model(name: str, pretrained: bool = False, **options: Any) -> Net:
    model = {"small": small, "deep": deep}[name](pretrained, **options)
    model.pretrained_cfg = {"architecture": name, "num_classes": 5}
    return model


def home(monkeypatch: pytest.MonkeyPatch, name: str, **public: Any) -> ModuleType:
    library = ModuleType(name)
    vars(library).update(public)
    monkeypatch.setitem(sys.modules, name, library)
    for one in (Net, Block, small, deep):
        monkeypatch.setattr(one, "__module__", f"{name}.models.net")
    return library


def with_another_head() -> nn.Module:
    """Written as often as the first was."""
    model = create_model("small")
    model.head = nn.Linear(6, 5)
    for one in model.head.parameters():
        nn.init.zeros_(one)
    return model


def started_here(model: nn.Module) -> nn.Module:
    """By code that has this file's functions in view."""
    return igt.materialize_(model, seed=0)
