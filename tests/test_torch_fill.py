"""Draws in PyTorch tensors and models: the same bits as ig.draw, whatever the memory looks like."""

from __future__ import annotations

import hashlib
import tracemalloc
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from isogain.drawing.regions import Region  # noqa: E402
from isogain.errors import DrawError  # noqa: E402
from isogain.torch.device import host  # noqa: E402
from isogain.torch.draw import fill  # noqa: E402

SHAPE = (33, 20)
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64)


def same_bits(tensor: Any, array: np.ndarray[Any, Any]) -> bool:
    wide = tensor.detach().to(torch.complex128 if tensor.is_complex() else torch.float64).numpy()
    return bool(np.array_equal(wide, array.astype(wide.dtype)))


def drawn(dtype: Any, init: str = "he_normal", shape: tuple[int, ...] = SHAPE) -> np.ndarray[Any, Any]:
    """What ig.draw gives, bfloat16 rounded by torch."""
    name = str(dtype).removeprefix("torch.")
    if name != "bfloat16":
        return ig.draw(init, shape, layout="out in *", seed=1, path="w", dtype=name)
    wide = ig.draw(init, shape, layout="out in *", seed=1, path="w")
    return torch.from_numpy(wide).bfloat16().double().numpy()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_and_stride(dtype: Any) -> None:
    base = torch.full((200, 90), 7, dtype=dtype)
    views = {
        "contiguous": torch.empty(SHAPE, dtype=dtype),
        "transposed": torch.empty(SHAPE[::-1], dtype=dtype).t(),
        "part": base[3:36, 1:21],
        "steps": base[:99:3, 40:80:2],
        "channels_last": torch.empty(3, 4, 5, 11, dtype=dtype).to(memory_format=torch.channels_last),
    }
    for name, tensor in views.items():
        pointer = tensor.data_ptr()
        assert igt.fill_(tensor, "he_normal", seed=1, path="w") is tensor
        assert tensor.data_ptr() == pointer
        assert same_bits(tensor, drawn(dtype, shape=tuple(tensor.shape))), name
    untouched = torch.ones(200, 90, dtype=torch.bool)
    untouched[3:36, 1:21] = untouched[:99:3, 40:80:2] = False
    assert torch.all(base[untouched] == 7)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_other_devices_path_gives_the_same(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pinned-buffer path, in many pieces, run on the CPU."""
    monkeypatch.setattr(fill, "_has_host_memory", lambda tensor: False)
    monkeypatch.setattr(host, "_ELEMENTS", 70)
    tensor = torch.empty(SHAPE[::-1], dtype=dtype).t()
    igt.fill_(tensor, "he_normal", seed=1, path="w")
    assert same_bits(tensor, drawn(dtype))


def test_the_copy_of_an_odd_view_is_not_needed() -> None:
    """Conjugated views have no plain memory and go through the buffer."""
    tensor = torch.empty(SHAPE, dtype=torch.complex64).conj()
    igt.fill_(tensor, "he_normal", seed=1, path="w")
    assert same_bits(tensor.resolve_conj(), drawn(torch.complex64))


def test_autograd_sees_the_write() -> None:
    weight = nn.Parameter(torch.ones(3, 4))
    y = (weight * weight).sum()
    igt.fill_(weight, "he_normal", seed=0)
    assert weight.grad_fn is None
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.backward()


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.empty(3, 4, device="meta"), "materialize_"),
        (torch.empty(3, 1).expand(3, 4), "expanded"),
        (torch.empty(3, 4, dtype=torch.int32), "int32"),
        (torch.empty(3, 4, dtype=torch.float8_e4m3fn), "float8_e4m3fn"),
        (torch.eye(3).to_sparse(), "dense"),
    ],
    ids=["meta", "expanded", "integer", "float8", "sparse"],
)
def test_tensors_that_cannot_be_filled_are_named(tensor: Any, words: str) -> None:
    with pytest.raises(DrawError, match=words):
        igt.fill_(tensor, "he_normal", seed=0, path="w")


def test_a_tensor_without_elements_is_left_alone() -> None:
    assert igt.fill_(torch.empty(0, 4), "he_normal", seed=0).shape == (0, 4)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.conv = nn.Conv2d(3, 8, 3, groups=1)
        self.up = nn.ConvTranspose2d(8, 4, 4, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("table", torch.zeros(5), persistent=False)


CHOICES: dict[str, Any] = {
    "norm.weight": 1.0,
    "*.bias": "zeros",
    "embedding.weight": ig.Normal(std=0.02),
    "*.weight": "he_normal",
    "*.running_mean": 0,
    "*.running_var": "ones",
    "*.num_batches_tracked": 0,
    "table": torch.arange(5.0),
}


def meta_model() -> Small:
    with torch.device("meta"):
        return Small()


def state_hash(model: Any) -> str:
    sha = hashlib.sha256()
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        sha.update(name.encode() + tensor.detach().contiguous().numpy().tobytes())
    return sha.hexdigest()


def test_meta_and_eager_models_get_the_same_weights() -> None:
    eager, meta = Small(), meta_model()
    kept = eager.table
    for model in (eager, meta):
        assert igt.materialize_(model, CHOICES, seed=3) is model
        assert model.head.weight is model.embedding.weight
    assert state_hash(eager) == state_hash(meta)
    assert eager.table is kept
    assert meta.norm.num_batches_tracked.dtype == torch.int64
    assert np.array_equal(
        meta.up.weight.detach().numpy(),
        ig.draw(
            "he_normal", (8, 4, 4, 4), layout="in out *", stride=2, transposed=True, seed=3, path="up.weight"
        ),
    )
    assert abs(float(meta.embedding.weight.detach().std()) - 0.02) < 0.003


def test_wrappers_change_no_number() -> None:
    plain = igt.materialize_(meta_model(), CHOICES, seed=3)
    wrapped = torch.compile(meta_model())
    igt.materialize_(wrapped, CHOICES, seed=3)
    assert torch.equal(wrapped.conv.weight, plain.conv.weight)


def test_choices_may_be_a_function() -> None:
    model = igt.materialize_(
        meta_model(), lambda path, tensor: 0.5 if tensor.is_floating_point() else 0, seed=0
    )
    assert all(bool((p == 0.5).all()) for p in model.parameters())


def test_what_has_no_choice_starts_as_its_module_does() -> None:
    model = igt.materialize_(meta_model(), {"conv.weight": "ones", "table": 2.0}, seed=0)
    bound = 1 / 4**0.5  # 4 inputs
    assert float(model.up.bias.abs().max()) <= bound
    assert 0.9 < float(model.embedding.weight.std()) < 1.1
    assert torch.equal(model.norm.running_var, torch.ones_like(model.norm.running_var))
    assert bool((model.conv.weight == 1).all())


def test_what_nobody_starts_is_named_and_nothing_is_written() -> None:
    model = meta_model()
    model.register_buffer("other", torch.empty(5, device="meta"))  # by no constructor
    with pytest.raises(DrawError, match="the buffer other") as caught:
        igt.materialize_(model, {"conv.weight": "ones"}, seed=0)
    assert "up.weight" not in str(caught.value)
    assert "table" not in str(caught.value)  # its constructor says zeros
    assert all(p.is_meta for p in model.parameters())


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("identity_of_nothing", "identity_of_nothing"),
        (ig.Normal(std=1e38), "conv.weight"),
        (torch.zeros(3), r"shape \(3,\)"),
        (igt.Filling("he_normal", layout="out in"), "conv.weight"),
    ],
)
def test_a_choice_that_does_not_fit_is_refused_before_any_write(choice: Any, words: str) -> None:
    model = meta_model()
    with pytest.raises(ig.IsogainError, match=words):
        igt.materialize_(model, {"conv.weight": choice, **CHOICES}, seed=0)
    assert all(p.is_meta for p in model.parameters())


def test_an_eager_model_is_untouched_by_a_refused_call() -> None:
    model = Small()
    before = state_hash(model)
    with pytest.raises(DrawError, match=r"num_batches|int64"):
        igt.materialize_(model, {**CHOICES, "*.num_batches_tracked": "ones"}, seed=0)
    assert state_hash(model) == before


def test_memory_beyond_the_model_stays_small() -> None:
    """tracemalloc sees NumPy's memory: filling 64 MB from a strided view takes a few megabytes."""
    tensor = torch.empty(4096, 4096).t()
    tracemalloc.start()
    igt.fill_(tensor, "he_normal", seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_local_boxes_of_a_plain_tensor_are_the_whole() -> None:
    from isogain.torch.draw.shards import local_boxes

    assert local_boxes(torch.empty(3, 4)) == [((slice(0, 3), slice(0, 4)), Region.of((3, 4)))]


@pytest.mark.parametrize("rule", ["conv.weigth", "layer.*.weight", "norm?.bias"])
def test_a_rule_that_fits_nothing_is_named_and_nothing_is_written(rule: str) -> None:
    model = meta_model()
    with pytest.raises(DrawError, match=r"nothing was written: '.*fits no parameter or buffer") as error:
        igt.materialize_(model, {rule: "he_normal", **CHOICES, "*": "zeros"}, seed=0)
    assert rule in str(error.value)
    assert all(parameter.is_meta for parameter in model.parameters())
    forestalled = {"*": "zeros", "*weight": "he_normal"}
    igt.materialize_(nn.Linear(3, 2), forestalled, seed=0)  # a rule that comes too late does fit


def test_a_slip_of_the_pen_is_told_what_is_near() -> None:
    with pytest.raises(DrawError, match=r"'wieght' \(near: weight\)"):
        igt.materialize_(nn.Linear(3, 2), {"wieght": "he_normal", "*": "zeros"}, seed=0)
