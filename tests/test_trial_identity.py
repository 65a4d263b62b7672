"""A run is known by what decides its numbers: the same model run as a script, in a notebook or imported is one."""

from __future__ import annotations

import importlib
import runpy
import sys

import pytest

import isogain.torch as igt
from isogain.jobs.identity import content_hash
from isogain.jobs.store import Store
from trial_problems import examples

BLOCKS = """
from torch import nn

class Block(nn.Module):
    slope = 0.1

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x):
        return x + nn.functional.leaky_relu(self.inner(x), self.slope)
"""
MODEL = """
from torch import nn
from identity_blocks import Block

class Network(nn.Sequential):
    pass

def middle():
    return Block(12)

def build():
    return Network(middle(), nn.Linear(12, 4))

def small(model, seed):
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.01)
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The folder of a script and what it imports; what is imported of it is forgotten again."""
    (tmp_path / "identity_blocks.py").write_text(BLOCKS)
    (tmp_path / "identity_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("identity_blocks", "identity_model"):
        sys.modules.pop(name, None)


def imported():
    for name in ("identity_blocks", "identity_model"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return vars(importlib.import_module("identity_model"))


def tried(where, results):
    starts = {"own": "own", "small": where["small"]}
    return igt.trial(
        where["build"], examples(), starts, loss="cross_entropy", rates=0.01, steps=3, seeds=2, workers=1,
        progress=False, inspect=False, results=results,
    )  # fmt: skip


def test_a_script_and_its_import_are_one_model_in_the_store(written, tmp_path):
    tried(runpy.run_path(str(written / "identity_model.py"), run_name="__main__"), tmp_path / "kept")
    tried(imported(), tmp_path / "kept")
    with Store(tmp_path / "kept") as store:
        assert len(list(store.every())) == 4


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("identity_model", "Block(12)", "Block(12).float()"),
        ("identity_model", "0.01", "0.02"),
        ("identity_model", "class Network(nn.Sequential)", "class Network(Block)"),
        ("identity_blocks", "slope = 0.1", "slope = 0.2"),
        ("identity_blocks", "x + nn", "x - nn"),
    ],
)
def test_an_edit_is_another_model_wherever_it_is_made(written, file, old, new):
    before = [content_hash(imported()[name]) for name in ("build", "small")]
    path = written / f"{file}.py"
    path.write_text(path.read_text().replace(old, new, 1) + "\n" * 9)
    assert [content_hash(imported()[name]) for name in ("build", "small")] != before
