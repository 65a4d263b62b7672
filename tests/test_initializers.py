"""Initializers as values: checked at birth, equal, hashable, immutable, printable, JSON both ways."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
import json
import math
import pickle
import re

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

import isogain as ig
from isogain.core.values.distributions import TruncatedNormalLaw, truncated_std
from isogain.errors import InitializerError, IsogainError

DRAWN = [row for row in ig.catalog() if row.function is None]


@pytest.mark.parametrize("row", DRAWN, ids=lambda row: row.name)
class TestEveryRow:
    def value(self, row):
        return ig.get(row.name, **row.example)

    def test_json_round_trip(self, row):
        value = self.value(row)
        again = ig.Initializer.from_json(value.to_json())
        assert again == value
        assert hash(again) == hash(value)
        assert json.loads(value.to_json())["isogain"] == 1

    def test_repr_is_the_constructor(self, row):
        value = self.value(row)
        namespace = {name: getattr(ig, name) for name in ig.Initializer.kinds}
        assert eval(repr(value), namespace) == value  # a test of our own text, nobody else's

    def test_immutable_and_copyable(self, row):
        value = self.value(row)
        for field in dataclasses.fields(value):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(value, field.name, None)
        assert copy.deepcopy(value) == value
        assert pickle.loads(pickle.dumps(value)) == value

    def test_says_what_it_needs(self, row):
        """A row that names no fans draws a bias, and one that does refuses it."""
        reads_layout = "fans" in row.needs
        dtype = "complex64" if row.name in ("s4d_lin", "s4d_inv", "s4d_legs") else "float32"
        if reads_layout:
            with pytest.raises(IsogainError):
                ig.draw(self.value(row), (24,), layout="out", dtype=dtype)
        else:
            assert ig.draw(self.value(row), (24,), layout="out", dtype=dtype).shape == (24,)
        given = inspect.signature(row.make).parameters.values()
        required = [
            one.name for one in given if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
        ]
        assert set(required) <= set(row.example)

    def test_every_alias_finds_it(self, row):
        for name in (row.name, row.name.upper(), row.name.replace("_", "-"), *row.aliases):
            assert ig.catalog()[name] is row

    def test_an_unknown_parameter_is_refused_with_the_signature(self, row):
        if "**" in row.signature:
            pytest.skip("takes either of two signatures")
        with pytest.raises(InitializerError, match="its parameters are"):
            ig.get(row.name, no_such_parameter=1)


@pytest.mark.parametrize("row", ig.catalog().rows, ids=lambda row: row.name)
def test_every_row_is_documented(row):
    assert row.formula
    assert row.source
    assert row.group
    assert row.summary.endswith((".", ")", "i."))
    assert row.signature.startswith("(")
    assert json.loads(json.dumps(row.to_dict()))["needs"] == list(row.needs)


@pytest.mark.parametrize("row", [row for row in ig.catalog() if row.function], ids=lambda row: row.name)
def test_a_scheme_that_reads_more_than_a_shape_names_its_function(row):
    with pytest.raises(InitializerError, match=re.escape(row.function)):
        ig.get(row.name)
    module, _, name = row.function.partition("(")[0].rpartition(".")
    pytest.importorskip(module.rpartition(".")[2])
    assert callable(getattr(importlib.import_module(module), name))


def test_contract_examples():
    assert repr(ig.get("he_normal")) == "VarianceScaling(scale=2.0, mode='fan_in', distribution='normal')"
    assert ig.get("HeNormal") == ig.get("he_normal") == ig.VarianceScaling(2.0, "fan_in", "normal")
    assert ig.get("kaiming_uniform", a=5**0.5).law((50, 10)).bounds[1] == pytest.approx(1 / math.sqrt(50))
    assert ig.get("caffe.xavier", variance_norm="AVERAGE").mode == "fan_avg"
    assert ig.get("mxnet.Xavier", rnd_type="gaussian", factor_type="in", magnitude=2).scale == 2.0
    assert ig.get("tf.variance_scaling_initializer", factor=2.0, mode="FAN_IN", uniform=False).scale == 2.6
    assert ig.get("tf.variance_scaling_initializer").scale == 1.0
    assert ig.get("torch.xavier_uniform_", gain=2).scale == 4.0


def test_an_initializer_and_a_dictionary_are_names_too():
    value = ig.Normal(0.02)
    assert ig.get(value) is value
    assert ig.get(value, mean=1.0) == ig.Normal(0.02, 1.0)
    assert ig.get(value.to_dict()) == value


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("he_norml", {}, "did you mean 'he_normal'"),
        ("qqqqqq", {}, "ig.catalog"),
        (3.0, {}, "a name or an Initializer"),
        ("normal", {"std": -1.0}, "at least 0, got -1.0"),
        ("normal", {"std": math.nan}, "finite number, got nan"),
        ("normal", {"std": "a"}, "finite number, got 'a'"),
        ("uniform", {"low": 1.0, "high": 0.0}, "low 1.0 is above high 0.0"),
        ("truncated_normal", {"low": 1.0, "high": 1.0}, "must be below"),
        ("variance_scaling", {"mode": "fan-in"}, "mode must be one of 'fan_in'"),
        ("variance_scaling", {"distribution": "cauchy"}, "distribution must be one of"),
        ("variance_scaling", {"scale": -2.0}, "at least 0"),
        ("sparse", {"sparsity": 1.5}, "at most 1"),
        ("orthogonal", {"gain": math.inf}, "finite number"),
        ("mirrored_orthogonal", {"position": "middle"}, "'first', 'hidden', 'last'"),
        ("mirrored_orthogonal", {"activation": "no such"}, "no such"),
        ("torch.kaiming_normal_", {"nonlinearity": "gelu"}, "torch has no gain for 'gelu'"),
        ("torch.kaiming_normal_", {"mode": "fan_sideways"}, "mode must be one of"),
        ("caffe.xavier", {"variance_norm": "avg"}, "FAN_IN, FAN_OUT, AVERAGE"),
        ("caffe.gaussian", {"sparse": -2}, "-1"),
        ("mxnet.Xavier", {"rnd_type": "normal"}, "'uniform' or 'gaussian'"),
        ("mxnet.Xavier", {"factor_type": "fan_in"}, "in, out, avg"),
        ("tf.contrib.layers.variance_scaling_initializer", {"mode": "fan_in"}, "FAN_IN, FAN_OUT or FAN_AVG"),
        ("jax.orthogonal", {"column_axis": 1}, "column_axis must be"),
        ("keras.HeNormal", {"input_axes": [0]}, "both input_axes and output_axes"),
    ],
)
def test_bad_values_are_refused_at_construction_by_name(name, parameters, message):
    with pytest.raises(IsogainError, match=message):
        ig.get(name, **parameters)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "is an object"),
        ('{"initializer": "Nope"}', "'Nope' is no initializer"),
        ('{"isogain": 99, "initializer": "Zeros"}', "version 99"),
        ('{"initializer": "Normal", "sd": 1}', "sd"),
        ('{"initializer": "Normal", "std": -1}', "at least 0"),
    ],
)
def test_bad_json_says_what_it_cannot_read(text, message):
    with pytest.raises(InitializerError, match=message):
        ig.Initializer.from_json(text)


@pytest.mark.parametrize("name", ["orthogonal", "delta_orthogonal", "identity", "sparse", "he_normal"])
def test_a_bias_is_refused_by_what_needs_fans(name):
    with pytest.raises(IsogainError, match=r"out in|'out' and one 'in'"):
        ig.get(name).law((10,), layout="out")


@given(
    st.floats(1e-6, 1e6),
    st.sampled_from(["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]),
    st.sampled_from(["normal", "truncated_normal", "uniform"]),
    st.integers(1, 3000),
    st.integers(1, 3000),
)
def test_variance_scaling_has_variance_scale_over_fan(scale, mode, distribution, fan_in, fan_out):
    fan = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": math.sqrt(fan_in * fan_out),
    }[mode]
    law = ig.VarianceScaling(scale, mode, distribution).law((fan_in, fan_out))
    assert law.std == pytest.approx(math.sqrt(scale / fan), rel=1e-9)
    assert law.mean == 0


@given(st.floats(-12, 12), st.floats(1e-4, 20))
def test_truncated_moments_agree_with_sixty_digits(low, width):
    high = low + width
    with mpmath.workdps(60):
        a, b = (mpmath.mpf(x) for x in (low, high))
        mass = mpmath.ncdf(b) - mpmath.ncdf(a) if a < 0 else mpmath.ncdf(-a) - mpmath.ncdf(-b)
        mean = (mpmath.npdf(a) - mpmath.npdf(b)) / mass
        variance = 1 + (a * mpmath.npdf(a) - b * mpmath.npdf(b)) / mass - mean**2
        expected_mean, expected_std = float(mean), float(mpmath.sqrt(variance))
    law = TruncatedNormalLaw(0.0, 1.0, low, high)
    assert law.mean == pytest.approx(expected_mean, rel=1e-12, abs=1e-13)
    assert law.std == pytest.approx(expected_std, rel=1e-12)


def test_the_constant_keras_and_jax_divide_by():
    assert truncated_std(-2, 2) == pytest.approx(0.87962566103423978, rel=1e-14)


def test_catalog_prints_and_lists():
    text = str(ig.catalog())
    assert "he_normal" in text
    assert "2 / fan_in" in text
    assert len({row.name for row in ig.catalog()}) == len(ig.catalog())
