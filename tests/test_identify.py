"""`identify`: laws are named, trained weights are not, and files are read without their model."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest

import isogain as ig
from isogain.errors import DataError, IsogainError

LAWS = [
    ("he_normal", {}), ("glorot_uniform", {}), ("keras.HeNormal", {}), ("torch.default_weight", {}), ("normal", {"std": 0.02}),
    ("bert", {}), ("orthogonal", {}), ("lecun_truncated_normal", {}), ("haiku.Linear.w", {}), ("torch.trunc_normal_", {"std": 0.02}),
    ("olmo_mitchell", {}), ("small_init", {}), ("normal", {"std": 0.006}), ("torch.xavier_uniform_", {}), ("mlx.he_normal", {}),
]  # fmt: skip
SHAPES = ((96, 160), (700, 300))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "told"), LAWS, ids=[f"{name} {told}" for name, told in LAWS])
def test_the_law_is_named(name, told, shape):
    value = ig.get(name, **told)
    w = ig.draw(value, shape, layout="out in", seed=5)
    found = ig.identify(w)["values"]
    assert found.verdict == "drawn"
    law, truth = found.initializer.law(shape), value.law(shape, layout="out in")
    assert law.std == pytest.approx(truth.std, rel=5 / math.sqrt(2 * min(w.size, 65536)))
    assert math.isfinite(law.bounds[1]) == (
        math.isfinite(truth.bounds[1]) and truth.bounds[1] < 9 * truth.std
    )


def test_false_alarms_are_counted():
    """Of 300 draws none but a hundredth may be said to fit no law."""
    silent = sum(
        not ig.identify(
            ig.draw("he_normal" if k % 2 else "glorot_uniform", (40, 50), layout="out in", seed=k)
        )["values"].fits
        for k in range(300)
    )
    assert silent <= 3


@pytest.mark.parametrize("kind", ["low rank", "rows", "columns", "tails", "smooth", "shifted rows"])
def test_what_training_does_is_seen(kind):
    rng = np.random.default_rng(0)
    w = 0.05 * rng.standard_normal((200, 300))
    if kind == "low rank":
        w += 0.02 * np.outer(rng.standard_normal(200), rng.standard_normal(300))
    elif kind == "rows":
        w *= np.exp(0.3 * rng.standard_normal((200, 1)))
    elif kind == "columns":
        w *= np.exp(0.3 * rng.standard_normal(300))
    elif kind == "tails":
        w *= np.exp(0.4 * rng.standard_normal((200, 300)))
    elif kind == "smooth":
        w[:, 1:] += 0.3 * w[:, :-1]
    else:
        w += 0.02 * rng.standard_normal((200, 1))
    found = ig.identify(w)["values"]
    assert found.verdict == "none"
    assert found.reason.startswith("no law fits")


def test_constants_patterns_and_few_values():
    found = ig.identify(
        {
            "one": np.ones(8),
            "eye": 2 * np.eye(5),
            "few": np.arange(7.0) ** 2,
            "steps": np.log(np.arange(1, 17.0)),
            "codes": np.tile([0.0, 1.0, 0.5], 400),
        }
    )
    assert [found[name].verdict for name in ("one", "eye", "few", "steps", "codes")] == [
        "constant",
        "pattern",
        "few",
        "pattern",
        "pattern",
    ]
    assert found["one"].initializer == ig.Ones()
    assert found["eye"].initializer == ig.Identity(2.0)


def test_copies_and_padding_rows():
    w = ig.draw("normal", (300, 64), seed=1)
    w[0] = 0
    found = ig.identify({"a": w, "b": w.copy(), "c": ig.draw("normal", (300, 64), seed=2)})
    assert found["b"].same_as == "a"
    assert not found["c"].same_as
    assert found["a"].initializer == ig.Normal(1.0)


def safetensors(path: Path, arrays: dict[str, np.ndarray]) -> None:
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, one in arrays.items():
        header[name] = {
            "dtype": {"float32": "F32", "float16": "F16", "int64": "I64"}[one.dtype.name],
            "shape": list(one.shape),
            "data_offsets": [offset, offset + one.nbytes],
        }
        offset += one.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(one.tobytes() for one in arrays.values()))


class TestFiles:
    @pytest.fixture
    def arrays(self):
        return {"fc.weight": ig.draw("torch.default_weight", (500, 400), seed=3), "fc.bias": ig.draw("uniform", (500,), seed=4) / np.float32(20),
                "half": ig.draw("he_normal", (300, 200), layout="out in", seed=5, dtype="float16"), "ids": np.arange(9)}  # fmt: skip

    @pytest.mark.parametrize("kind", ["safetensors", "npz", "compressed"])
    def test_each_kind_reads_alike(self, kind, arrays, tmp_path):
        path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.npz")
        {
            "safetensors": safetensors,
            "npz": lambda p, a: np.savez(p, **a),
            "compressed": lambda p, a: np.savez_compressed(p, **a),
        }[kind](path, arrays)
        found = ig.identify(path)
        assert set(found) == {"fc.weight", "fc.bias", "half"}
        assert found["fc.weight"].fits[0].says == "w ~ U, Var[w] = 1/3 / fan_in (400)"
        assert found["fc.bias"].fits[0].says == "w ~ U(±1/√400, the fan_in of its weight)"
        assert found["half"].fits[0].says == "w ~ N(0, σ²), σ² = 2 / fan_in (200)"
        assert str(ig.identify(tmp_path)) == str(found)

    def test_bfloat16(self, tmp_path):
        w = ig.draw("normal", (400, 300), seed=6) * np.float32(0.02)
        raw = (w.view(np.uint32) >> 16).astype("<u2")
        text = json.dumps(
            {"w": {"dtype": "BF16", "shape": [400, 300], "data_offsets": [0, raw.nbytes]}}
        ).encode()
        (tmp_path / "b.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + raw.tobytes())
        found = ig.identify(tmp_path / "b.safetensors")["w"]
        assert found.verdict == "drawn"
        assert found.initializer.law((400, 300)).std == pytest.approx(0.02, rel=0.01)

    @pytest.mark.parametrize("content", [b"", b"\xff" * 8, struct.pack("<Q", 4) + b"{{{{" + b"0" * 9,
                                         struct.pack("<Q", 70) + b'{"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 999999]}}    '])  # fmt: skip
    def test_broken_files_are_refused(self, content, tmp_path):
        path = tmp_path / "x.safetensors"
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"x\.safetensors"):
            ig.identify(path)

    def test_other_sources_are_refused(self, tmp_path):
        for source in (tmp_path / "none.npz", tmp_path, "w.txt", 3, object(), {"a": object}):
            with pytest.raises(IsogainError):
                ig.identify(source)


class TestPyTorch:
    def test_a_module_its_ties_and_its_file(self, tmp_path):
        torch = pytest.importorskip("torch")
        import isogain.torch as igt

        torch.manual_seed(0)
        model = torch.nn.ModuleDict({"emb": torch.nn.Embedding(300, 64), "head": torch.nn.Linear(64, 300)})
        model["head"].weight = model["emb"].weight
        found = igt.identify(model)
        assert found["emb.weight"].initializer == ig.Normal(1.0)
        assert (found["head.weight"].same_as, found["head.weight"].tied) == ("emb.weight", True)
        torch.save({"state": model.state_dict()}, tmp_path / "m.pt")
        assert igt.identify(tmp_path / "m.pt")["state.emb.weight"].initializer == ig.Normal(1.0)
        assert igt.identify(model["emb"].weight)["values"].initializer == ig.Normal(1.0)

    def test_training_is_seen(self):
        torch = pytest.importorskip("torch")
        import isogain.torch as igt

        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(40, 80), torch.nn.ReLU(), torch.nn.Linear(80, 10))
        assert igt.identify(model).trained is False
        x = torch.randn(256, 40)
        y = torch.tanh(x @ torch.randn(40, 10)).argmax(1)
        steps = torch.optim.Adam(model.parameters(), 3e-3)
        for _ in range(200):
            steps.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            steps.step()
        assert igt.identify(model)["0.weight"].verdict == "none"

    def test_nothing_is_changed_and_meta_is_refused(self):
        torch = pytest.importorskip("torch")
        import isogain.torch as igt

        layer = torch.nn.Linear(50, 50)
        before = layer.weight.detach().clone()
        igt.identify(layer)
        assert torch.equal(before, layer.weight)
        with pytest.raises(DataError, match="meta"):
            igt.identify(torch.nn.Linear(4, 4, device="meta"))


def _perceptron(seed: int = 0) -> dict[str, np.ndarray]:
    """He's weights and torch's biases of four layers, and a gain."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {"norm.weight": np.ones(64)}
    for layer in range(4):
        found[f"{layer}.weight"] = rng.standard_normal((64, 64)) * math.sqrt(2 / 64)
        found[f"{layer}.bias"] = rng.uniform(-1 / 8, 1 / 8, 64)
    return found


def _stepped(tensors: dict[str, np.ndarray], size: float) -> dict[str, np.ndarray]:
    """Every value a step of that size along a sign of its own, as Adam's first steps are."""
    rng = np.random.default_rng(7)
    return {name: value + size * rng.choice((-1.0, 1.0), value.shape) for name, value in tensors.items()}


def test_what_moved_less_than_it_shows_is_doubted_by_its_company():
    """A step of a twentieth of a weight's size is in no histogram; biases leave their bound, gains are not 1."""
    before, after = _perceptron(), _stepped(_perceptron(), 0.008)
    weights = [name for name in before if name.endswith("weight") and before[name].ndim == 2]
    assert {ig.identify(before)[name].verdict for name in weights} == {"drawn"}
    assert ig.identify({"alone": after["0.weight"]})["alone"].verdict == "drawn"
    found = ig.identify(after)
    assert {found[name].verdict for name in weights} == {"none"}
    assert "would fit" in found["0.weight"].reason
    assert not found["0.weight"].fits


def test_a_frozen_uniform_weight_keeps_its_claim_among_trained_ones():
    """A bound is lost by the first step, so the bound that stands is a proof."""
    after = _stepped(_perceptron(), 0.008)
    after["frozen.weight"] = np.random.default_rng(3).uniform(-1 / 8, 1 / 8, (64, 64))
    assert ig.identify(after)["frozen.weight"].verdict == "drawn"


def test_many_weak_directions_are_seen():
    """None of them stands out of the spectrum of the draw."""
    rng = np.random.default_rng(5)
    left, right = (np.linalg.qr(rng.standard_normal((96, 12)))[0] for _ in "ab")
    drawn = rng.standard_normal((96, 96))
    told = ig.identify({"w": 0.05 * (drawn + 13 * left @ right.T)})["w"]
    assert ig.identify({"w": 0.05 * drawn})["w"].verdict == "drawn"
    assert told.verdict == "none"
    assert told.faults == ("its lines are correlated",)


def test_any_interval_has_ends_of_three_digits():
    """So they name no law: U[-.254, .259) was nobody's."""
    values = np.random.default_rng(2).uniform(-0.2538, 0.2587, (32, 64))
    assert all("[-0.254" not in fit.says for fit in ig.identify({"w": values})["w"].fits)


def test_two_columns_at_right_angles_by_chance_are_not_orthogonal():
    rng = np.random.default_rng(0)
    one = rng.uniform(-0.5, 0.5, 600)
    other = rng.uniform(-0.5, 0.5, 600)
    other -= (one @ other) / (one @ one) * one * (1 - 5e-4)
    other *= np.linalg.norm(one) / np.linalg.norm(other) * (1 + 2e-4)
    found = ig.identify({"w": np.stack([one, other], axis=1).reshape(600, 1, 2)})["w"]
    assert "orthogonal" not in found.reason


def test_an_lstms_biases_are_named_by_its_hidden_size():
    rng = np.random.default_rng(0)
    bound = 1 / math.sqrt(48)
    tensors = {
        f"weight_{part}_l0": rng.uniform(-bound, bound, (192, n)) for part, n in (("ih", 28), ("hh", 48))
    }
    tensors["bias_ih_l0"] = rng.uniform(-bound, bound, 192)
    assert "1/√48" in ig.identify(tensors)["bias_ih_l0"].fits[0].says
