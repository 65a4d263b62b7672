"""Whatever a public function is given, it takes it or raises one of isogain's own errors."""

from __future__ import annotations

import contextlib
import inspect
import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import isogain as ig
from argument_calls import ODD, Hostile, Spoiled, Subject, judge, spoiled, subjects
from isogain import checking, memory
from isogain.errors import DrawError, InitializerError, IsogainError

ALL = subjects()
QUICK = [one for one in ALL if one.cost == 1]
SLOW = [one for one in ALL if one.cost > 1]


def calls(of: list[Subject]) -> st.SearchStrategy[Spoiled]:
    return st.builds(spoiled, st.sampled_from(of), st.randoms(use_true_random=False))


@pytest.mark.parametrize("subject", [one for one in ALL if "draw " not in one.name], ids=lambda one: one.name)
def test_what_is_spoiled_is_good_before(subject):
    """A call that is refused as it stands would test one refusal for ever."""
    subject.call(**subject.good)


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls(QUICK))
def test_quick_functions_raise_nothing_but_our_errors(call):
    judge(call)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls(SLOW))
def test_theory_raises_nothing_but_our_errors(call):
    judge(call)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_frameworks_raise_nothing_but_our_errors(data):
    for framework in ("torch", "jax", "keras"):
        pytest.importorskip(framework)
    from argument_frameworks import framework_subjects

    judge(data.draw(calls(_remembered(framework_subjects))))


_KNOWN: dict[object, list[Subject]] = {}


def _remembered(make):
    if make not in _KNOWN:
        _KNOWN[make] = make()
    return _KNOWN[make]


def test_the_judge_sees_another_exception():
    def raises(value):
        raise TypeError(value)

    with pytest.raises(TypeError):
        judge(spoiled(Subject("raises", raises, {"value": 1}), random.Random(0)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ig.fans((3, 4), stride="a"), "stride must be a whole number of at least 1, got 'a'"),
        (lambda: ig.draw("he_normal", (3, 4), region=3), "region must be a sequence of slices, got 3"),
        (lambda: ig.Initializer.from_json(3), "JSON of an initializer must be a string .* got 3"),
        (lambda: ig.Initializer.from_dict(3), "read from a dictionary, got 3"),
        (lambda: ig.predict(kernel=3, size="big"), "size, the positions of each axis, .* got 'big'"),
        (lambda: ig.predict(depth=2.5), "depth must be a whole number from 1 to 100000, got 2.5"),
        (lambda: ig.fans((3, 4), groups=2.0), "groups must be a whole number .* got 2.0"),
        (lambda: ig.draw("he_normal", (3, 4), transposed="no"), "transposed must be True or False, got 'no'"),
        (lambda: ig.get("normal", std=10**400), "std must be a finite number"),
        (lambda: ig.get(Hostile()), "a value of type Hostile"),
        (lambda: ig.Normal().replace(sd=1), "sd"),
        (lambda: ig.activation("relu")("x"), "inputs must be a real number"),
        (lambda: ig.phase_diagram("relu", points=4).phase("a", 0), "weight_std must be a finite number"),
        (lambda: ig.pissa("w", 1), "matrix of numbers, got 'w'"),
        (lambda: ig.PowerScaling(in_power=1e308).law((8, 4)), "too large"),
        (lambda: ig.PowerScaling(out_power=2**127).law((8, 4)), "too large"),
    ],
)
def test_an_error_names_argument_and_value(call, words):
    with pytest.raises(IsogainError, match=words):
        call()


def test_a_refused_value_is_refused_every_time():
    """1 == 1.0 == True, and a law that is remembered must not let one pass for the other."""
    for _ in range(2):
        ig.draw("he_normal", (8, 4), groups=1)
        with pytest.raises(IsogainError, match="groups"):
            ig.draw("he_normal", (8, 4), groups=1.0)


class Late(BaseException):
    """No Exception, which a row's own errors are."""


class Endless(Sequence):
    """As long as a sequence may be; Late where it is read far."""

    def __len__(self):
        return 10**15

    def __getitem__(self, index):
        if index > checking.MOST_ENTRIES + 1:
            raise Late
        return 1


@pytest.mark.parametrize("endless", [Endless, lambda: iter(Endless())], ids=["sequence", "iterator"])
def test_no_row_reads_what_has_no_end(endless):
    """Axes and kernels are sequences, so a row may read what it is given to the end."""
    for row in ig.catalog():
        for name in inspect.signature(row.make).parameters:
            with contextlib.suppress(IsogainError):
                ig.get(row.name, **{**row.example, name: endless()})


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_any_value_can_be_shown(value):
    text = checking.shown(value)
    assert 0 < len(text) <= checking.MOST
    text.encode("utf-8")


@pytest.mark.parametrize(("value", "number"), [(3, 3), (2.5, 2.5), (np.float32(0.5), 0.5), (np.int64(7), 7)])
def test_numbers_of_numpy_are_numbers(value, number):
    assert checking.Checks(DrawError).number("n", value) == number


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, "1", None, 1j, np.array(1.0)])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(DrawError, match="n must be a finite number of at least 0 and below 9, got"):
        checking.Checks(DrawError).number("n", value, least=0, below=9)


class TestMemory:
    """An array that no memory holds is refused before it is asked for; a part of it is drawn."""

    def test_a_draw_beyond_memory_is_refused(self, monkeypatch):
        monkeypatch.setattr(memory, "room", lambda: 2.0**30)
        with pytest.raises(DrawError, match=r"no memory for an array of shape \(65536, 65536\) .*region="):
            ig.draw("he_normal", (2**16, 2**16))
        part = ig.draw("he_normal", (2**16, 2**16), region=(slice(0, 2), slice(0, 3)))
        assert part.shape == (2, 3)

    @pytest.mark.parametrize("name", ["orthogonal", "identity", "hippo_legs", "gate_bias"])
    def test_a_construction_beyond_memory_is_refused(self, monkeypatch, name):
        """These are made whole, whatever part is asked for."""
        monkeypatch.setattr(memory, "room", lambda: 2.0**30)
        with pytest.raises(IsogainError, match="no memory for"):
            ig.draw(name, (2**16, 2**16), layout="out in", region=(slice(0, 2), slice(0, 3)))

    def test_small_draws_do_not_ask(self, monkeypatch):
        monkeypatch.setattr(memory, "room", lambda: 0.0)
        assert ig.draw("he_normal", (64, 64)).shape == (64, 64)

    def test_there_is_room_for_something(self):
        assert memory.room() > 2**20

    def test_a_container_counts(self, monkeypatch, tmp_path):
        for name, text in (
            ("memory.max", "1000"),
            ("memory.current", "900"),
            ("memory.stat", "inactive_file 300"),
        ):
            (tmp_path / name).write_text(f"{text}\n")
        monkeypatch.setattr(memory, "GROUP", tmp_path)
        assert memory.room() == 400
        (tmp_path / "memory.max").write_text("max\n")
        assert memory.room() > 2**20


def test_what_json_cannot_give_is_said():
    for text in ("[" * 100_000, "{", "3", '{"initializer": "Constant", "value": {"real": "a", "imag": 1}}'):
        with pytest.raises(InitializerError):
            ig.Initializer.from_json(text)
