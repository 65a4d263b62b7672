"""torch.nn.init's functions by name: torch itself is the oracle."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import torch
from torch import nn

import isogain as ig
import isogain.torch as igt
from conformance import check_alike, check_sample, truncated
from isogain.errors import IsogainError

RANDOM = [
    ("uniform_", {}), ("uniform_", {"a": -0.3, "b": 2.0}), ("normal_", {}), ("normal_", {"mean": 1.0, "std": 0.2}),
    ("trunc_normal_", {}), ("trunc_normal_", {"mean": 0.5, "std": 2.0, "a": -1.0, "b": 3.0}),
    ("xavier_uniform_", {}), ("xavier_uniform_", {"gain": 2.0}), ("xavier_normal_", {}), ("xavier_normal_", {"gain": 0.5}),
    ("kaiming_uniform_", {}), ("kaiming_uniform_", {"a": math.sqrt(5)}),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("kaiming_normal_", {}), ("kaiming_normal_", {"nonlinearity": "relu", "mode": "fan_out"}),
    ("kaiming_normal_", {"nonlinearity": "selu"}), ("orthogonal_", {}), ("orthogonal_", {"gain": 3.0}),
    ("sparse_", {"sparsity": 0.3, "std": 0.1}),
]  # fmt: skip
FIXED = [("constant_", {"val": 0.3}), ("ones_", {}), ("zeros_", {})]
NAMES = [
    name
    for name in dir(nn.init)
    if name.endswith("_") and not name.startswith("_") and not name.endswith("__")
]


@pytest.mark.parametrize("name", NAMES)
def test_every_function_is_there_with_torchs_arguments_first(name):
    theirs = list(inspect.signature(getattr(nn.init, name)).parameters.values())
    ours = list(inspect.signature(getattr(igt, name)).parameters.values())
    assert [(p.name, p.default) for p in ours[: len(theirs)]] == [(p.name, p.default) for p in theirs]
    assert all(p.kind is p.KEYWORD_ONLY for p in ours[len(theirs) :])


@pytest.mark.parametrize(("name", "arguments"), RANDOM, ids=lambda value: str(value))
def test_same_law_as_torch(name, arguments):
    shape = (1200, 900) if name == "sparse_" else (400, 300) if name == "orthogonal_" else (120, 100, 10, 9)
    torch.manual_seed(0)
    theirs = getattr(nn.init, name)(torch.empty(shape), **arguments)
    ours = getattr(igt, name)(torch.empty(shape), **arguments, seed=1)
    check_alike(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize(("name", "arguments"), FIXED)
@pytest.mark.parametrize("shape", [(), (3,), (4, 5), (2, 3, 4)])
def test_fixed_values_equal_torchs(name, arguments, shape):
    assert torch.equal(
        getattr(igt, name)(torch.empty(shape), **arguments),
        getattr(nn.init, name)(torch.empty(shape), **arguments),
    )


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3)])
def test_eye(shape):
    assert torch.equal(igt.eye_(torch.empty(shape)), nn.init.eye_(torch.empty(shape)))


@pytest.mark.parametrize("shape", [(6, 6, 3), (8, 4, 3, 2), (4, 4, 3, 3, 3)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac(shape, groups):
    assert torch.equal(igt.dirac_(torch.empty(shape), groups), nn.init.dirac_(torch.empty(shape), groups))


@pytest.mark.parametrize(
    "name", ["linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
@pytest.mark.parametrize("param", [None, 0.2, 10])
def test_gains_equal_torchs(name, param):
    assert igt.calculate_gain(name, param) == pytest.approx(nn.init.calculate_gain(name, param), rel=1e-15)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("eye_", (torch.empty(3),)),
        ("dirac_", (torch.empty(3, 3),)),
        ("dirac_", (torch.empty(5, 3, 3), 2)),
        ("sparse_", (torch.empty(3, 3, 3), 0.1)),
        ("orthogonal_", (torch.empty(3),)),
        ("xavier_uniform_", (torch.empty(3),)),
        ("xavier_normal_", (torch.empty(3),)),
        ("kaiming_uniform_", (torch.empty(3),)),
        ("kaiming_normal_", (torch.empty(3),)),
        ("kaiming_normal_", (torch.empty(3, 3), 0, "fan_sideways")),
        ("kaiming_normal_", (torch.empty(3, 3), 0, "fan_in", "gelu")),
        ("calculate_gain", ("gelu",)),
    ],
)
def test_what_torch_refuses_is_refused_as_a_value_error(call, arguments):
    with pytest.raises(ValueError):
        getattr(nn.init, call)(*arguments)
    with pytest.raises(ValueError) as error:
        getattr(igt, call)(*arguments)
    assert isinstance(error.value, IsogainError)


def test_zero_element_tensors_warn_as_in_torch():
    with pytest.warns(UserWarning, match="zero-element"):
        igt.kaiming_normal_(torch.empty(0, 3))


class TestRandomness:
    def test_seed_and_path_alone_decide(self):
        a = igt.kaiming_normal_(torch.empty(64, 32), seed=3, path="fc")
        torch.manual_seed(99)
        b = igt.kaiming_normal_(torch.empty(64, 32), seed=3, path="fc")
        c = igt.kaiming_normal_(torch.empty(64, 32), seed=3, path="other")
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
        assert np.array_equal(
            a.numpy(), ig.draw("torch.kaiming_normal_", (64, 32), layout="out in", seed=3, path="fc")
        )

    def test_seeded_calls_leave_torchs_generator_alone(self):
        torch.manual_seed(5)
        before = torch.get_rng_state()
        igt.normal_(torch.empty(100), seed=0)
        igt.orthogonal_(torch.empty(10, 10), seed=0)
        assert torch.equal(before, torch.get_rng_state())

    def test_without_a_seed_manual_seed_governs(self):
        torch.manual_seed(5)
        a, b = igt.normal_(torch.empty(100)), igt.normal_(torch.empty(100))
        torch.manual_seed(5)
        assert torch.equal(a, igt.normal_(torch.empty(100)))
        assert not torch.equal(a, b)

    def test_a_generator_governs_and_the_default_one_rests(self):
        before = torch.get_rng_state()
        a = igt.uniform_(torch.empty(100), generator=torch.Generator().manual_seed(1))
        b = igt.uniform_(torch.empty(100), generator=torch.Generator().manual_seed(1))
        assert torch.equal(a, b)
        assert torch.equal(before, torch.get_rng_state())

    def test_seed_and_generator_together_are_refused(self):
        with pytest.raises(IsogainError, match="not both"):
            igt.normal_(torch.empty(3), generator=torch.Generator(), seed=1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_dtype(dtype):
    w = igt.xavier_uniform_(torch.empty(600, 500, dtype=dtype), seed=0)
    assert w.dtype is dtype
    assert w.double().std().item() == pytest.approx(math.sqrt(2 / 1100), rel=0.01)
    assert w.abs().max().item() < math.sqrt(6 / 1100)


def test_parameters_and_strided_tensors_are_written_in_place():
    layer = nn.Linear(30, 20)
    assert igt.kaiming_normal_(layer.weight, seed=0) is layer.weight
    assert layer.weight.requires_grad
    base = torch.zeros(40, 60)
    view = base[::2, 10:40]
    igt.kaiming_normal_(view, seed=0)
    assert torch.equal(view, layer.weight.detach())
    assert base[1::2].abs().sum() == 0
    assert base[:, :10].abs().sum() == 0


def test_trunc_normal_has_no_outliers_in_the_tail():
    w = igt.trunc_normal_(torch.empty(1500000), mean=0.0, std=1.0, a=6.0, b=7.0, seed=0)
    check_sample(w.numpy(), truncated(1.0, 0.0, 6.0, 7.0))


class TestLoadedAndComputed:
    """What transformers loaded is kept; what is computed from parameters is not where weights live."""

    @pytest.mark.parametrize("name", NAMES)
    def test_a_tensor_that_was_loaded_is_left_alone(self, name):
        tensor = torch.full((4, 4, 3) if name == "dirac_" else (4, 4), 7.0)
        tensor._is_hf_initialized = True
        arguments = {"constant_": {"val": 1.0}, "sparse_": {"sparsity": 0.5}}.get(name, {})
        state = torch.get_rng_state()
        assert getattr(igt, name)(tensor, **arguments) is tensor
        assert (tensor == 7).all()
        assert torch.equal(torch.get_rng_state(), state)  # as under transformers: nothing is drawn
        tensor._is_hf_initialized = False
        getattr(igt, name)(tensor, **arguments)
        assert not (tensor == 7).all()

    def test_a_partial_from_pretrained_keeps_what_it_loaded(self, tmp_path):
        transformers = pytest.importorskip("transformers")

        class Encoder(transformers.PreTrainedModel):
            config_class = transformers.PretrainedConfig

            def __init__(self, config, head=False):
                super().__init__(config)
                self.body = nn.Linear(6, 5)
                if head:
                    self.head = nn.Linear(5, 3)
                self.post_init()

            def _init_weights(self, module):
                if isinstance(module, nn.Linear):
                    igt.xavier_normal_(module.weight)
                    igt.zeros_(module.bias)

        first = Encoder(transformers.PretrainedConfig())
        with torch.no_grad():
            first.body.weight.fill_(3.0)
        first.save_pretrained(tmp_path)
        again = Encoder.from_pretrained(tmp_path, head=True)
        assert (again.body.weight == 3).all()
        assert again.head.weight.std() > 0.1

    @pytest.mark.parametrize("wrap", ["weight_norm", "spectral_norm"])
    def test_a_weight_that_is_computed_is_said(self, wrap):
        layer = getattr(nn.utils.parametrizations, wrap)(nn.Conv1d(8, 8, 3))
        before = layer.weight.detach().clone()
        with pytest.warns(UserWarning, match="computed from other tensors"):
            igt.normal_(layer.weight, 0, 5.0)
        with pytest.raises(IsogainError, match=r"w is computed .*module\.weight"):
            igt.fill_(layer.weight, "he_normal", seed=0, path="w")
        assert torch.allclose(layer.weight, before, atol=1e-3)

    def test_the_older_hook_is_seen_too(self):
        with pytest.warns(FutureWarning, match="weight_norm"):
            layer = nn.utils.weight_norm(nn.Linear(4, 4))
        with pytest.warns(UserWarning, match="computed from other tensors"):
            igt.kaiming_normal_(layer.weight)

    def test_parameters_their_views_and_plain_tensors_are_not_computed(self, recwarn):
        layer, packed = nn.Linear(4, 4), nn.MultiheadAttention(4, 1)
        views = packed.in_proj_weight[:4], packed.in_proj_weight.chunk(3)[1]
        for tensor in (layer.weight, *views, torch.empty(4, 4)):
            igt.normal_(tensor, seed=0)
            igt.fill_(tensor, "he_normal", seed=0)
        assert not recwarn.list
        assert (packed.in_proj_weight[:4] == layer.weight).all()  # written through the view
