"""Models on meta whose modules keep too little, started as the entry of their library starts them.

The two libraries are stand-ins: their public functions, over the networks of tests/entry_libraries.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from torch import nn

import isogain.torch as igt
from entry_libraries import Net, create_model, deep, home, small, started_here, with_another_head
from isogain.errors import DrawError
from test_own_bare import assert_same_as_deferred, bare


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    entries = {"small": small, "deep": deep}
    return home(
        monkeypatch, "timm", create_model=create_model, is_model=entries.__contains__,
        model_entrypoint=entries.__getitem__,
    )  # fmt: skip


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    entries: dict[str, Callable[..., Net]] = {"small": small, "deep": deep}
    models = ModuleType("torchvision.models")
    models.get_model = lambda name, **options: entries[name](**options)  # type: ignore[attr-defined]
    models.list_models = lambda: [*entries]  # type: ignore[attr-defined]
    models.get_model_builder = entries.__getitem__  # type: ignore[attr-defined]
    library = home(monkeypatch, "torchvision", models=models)
    library.entries = entries  # type: ignore[attr-defined]
    return library


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*was run once more")
        yield


def _refusal(build: Callable[[], nn.Module]) -> str:
    model = bare(build)
    with pytest.raises(DrawError) as told:
        igt.materialize_(model, seed=0)
    assert all(one.is_meta for one in model.parameters())
    return str(told.value)


@pytest.mark.parametrize("options", [
    {}, {"num_classes": 3}, {"num_classes": 0}, {"name": "deep"},
], ids=str)  # fmt: skip
def test_an_entry_that_a_model_names_starts_it(timm: ModuleType, options: dict[str, Any]) -> None:
    assert_same_as_deferred(partial(create_model, **{"name": "small", **options}))


def test_an_entry_is_said_in_the_plan_and_in_one_warning(timm: ModuleType) -> None:
    model = bare(partial(create_model, "small"))
    with pytest.warns(UserWarning, match=r"create_model\('small'\) was run once more.*igt\.deferred") as told:
        plan = igt.own_plan(model)
    assert [one.filename for one in told] == [__file__]
    assert plan["blocks.0.gamma"].reason.endswith(", as timm.create_model('small') does")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        igt.materialize_(model, seed=0)
    assert model.blocks[1].gamma.eq(1e-3).all()


def test_an_entry_of_a_part_starts_that_part(timm: ModuleType) -> None:
    model = bare(lambda: nn.Sequential(nn.Linear(4, 6), create_model("deep", num_classes=0)))
    plan = igt.own_plan(model)
    assert "deep" in plan["1.blocks.2.gamma"].reason
    assert "deep" not in plan["0.weight"].reason


@pytest.mark.parametrize("options", [{"depth": 4}, {"width": 7}], ids=str)
def test_another_shape_than_the_entrys_is_refused(timm: ModuleType, options: dict[str, Any]) -> None:
    said = _refusal(partial(create_model, "small", **options))
    assert "no entry of Net makes the parts that are there" in said
    assert "blocks.0.gamma" in said


def test_fewer_writes_than_the_entrys_are_refused(timm: ModuleType) -> None:
    said = _refusal(partial(create_model, "small", is_scaled=False))
    assert "as they are (timm.create_model('small'))" in said


def test_a_part_that_keeps_another_argument_is_refused(timm: ModuleType) -> None:
    assert "as they are (timm.create_model('small'))" in _refusal(partial(create_model, "small", level=0.25))


def test_an_entry_that_starts_a_part_otherwise_than_its_code_is_refused(timm: ModuleType) -> None:
    said = _refusal(partial(create_model, "small", share=0.3))
    assert "small') starts blocks.0.layer.weight otherwise than the model's own code does" in said
    assert "blocks.0.gamma" in said


def test_what_code_in_view_does_to_an_entrys_model_is_refused(timm: ModuleType) -> None:
    model = bare(with_another_head)
    with pytest.raises(DrawError, match=r"with_another_head \(tests/entry_libraries\.py:\d+\) may have exch"):
        started_here(model)


def test_the_only_entry_beside_a_class_that_fits_starts_it(torchvision: ModuleType) -> None:
    assert_same_as_deferred(partial(small, num_classes=3))
    assert_same_as_deferred(deep)
    assert "get_model('small')" in _refusal(partial(small, depth=5))


def test_of_two_entries_that_fit_none_is_taken(torchvision: ModuleType) -> None:
    torchvision.entries["other"] = small
    assert "more than one of the entries of Net makes the same parts" in _refusal(small)


def test_a_class_of_another_library_has_no_entry() -> None:
    assert "entry of" not in _refusal(partial(create_model, "small"))
