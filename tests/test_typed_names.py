"""Names that editors complete: the types hold what the tables hold, and `dir` shows what is public."""

from __future__ import annotations

import importlib
import runpy
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import isogain as ig
from isogain.core.names.typed import InitializerName
from isogain.graph.recipes import branches as branches
from isogain.graph.recipes.typed import RecipeName
from isogain.graph.rules.registry import recipes

ROOT = Path(__file__).parent.parent


def test_types_are_as_new_as_their_tables():
    for path, make in runpy.run_path(str(ROOT / ".ci" / "literals.py"))["FILES"].items():
        assert path.read_text(encoding="utf-8") == make(), "run python .ci/literals.py"


def test_types_name_every_row_and_recipe():
    assert set(get_args(InitializerName)) == {row.name for row in ig.catalog()}
    assert set(get_args(RecipeName)) == set(recipes())


@pytest.mark.parametrize("name", ["torch", "jax", "keras"])
def test_dir_shows_the_public_names(name):
    pytest.importorskip(name)
    module = importlib.import_module(f"isogain.{name}")
    assert dir(module) == sorted(module.__all__)


@pytest.mark.parametrize("name", ["torch", "jax", "keras"])
def test_a_missing_framework_names_the_extra(name):
    code = f"import sys; sys.modules['{name}'] = None; import isogain.{name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"isogain.{name} needs {name}: pip install 'isogain[{name}]'" in done.stderr


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("kaiming_nomal", ["kaiming_normal", "torch.kaiming_normal_"]),
        ("he_norml", ["he_normal"]),
        ("torch.kaiming_nomal_", ["torch.kaiming_normal_"]),
        ("glorot_unifrom", ["glorot_uniform"]),
    ],
)
def test_the_nearest_names_come_in_the_order_people_mean_them(name, first):
    with pytest.raises(ig.IsogainError) as caught:
        ig.get(name)
    said = str(caught.value)
    places = [said.find(repr(one)) for one in first]
    assert -1 not in places
    assert places == sorted(places)
    assert said.find("did you mean " + repr(first[0])) > 0


def test_a_name_without_parameters_says_what_can_be_set():
    with pytest.raises(ig.IsogainError, match=r"scale=2.0.*replace"):
        ig.get("he_normal", gain=2)
