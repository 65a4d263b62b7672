"""The commands about models, as a user types them: what a model may be, batches from files, the user's own errors."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")
from torch.nn import functional as F  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.cli.app import app  # noqa: E402

MODELS = """
import torch
from torch import nn
from neighbour import WIDTH

def make(width=WIDTH, depth=2):
    layers = [nn.Linear(8, width), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 3))

def broken(width=1):
    return nn.Linear(width, 1 // 0)

def nothing():
    return 3

class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(20, 8), nn.Linear(8, 20, bias=False)
        self.head.weight = self.words.weight

    def forward(self, ids):
        return self.head(self.words(ids))
"""
CONFIG = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "n_layer": 2,
    "n_embd": 32,
    "n_head": 2,
    "vocab_size": 100,
    "bos_token_id": 1,
    "eos_token_id": 1,
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "nets.py").write_text(MODELS, encoding="utf-8")
    (tmp_path / "own" / "neighbour.py").write_text("WIDTH = 16\n", encoding="utf-8")
    (tmp_path / "bad.py").write_text("import nothing_there\n", encoding="utf-8")
    (tmp_path / "wrong.py").write_text("def f(:\n", encoding="utf-8")
    (tmp_path / "script.py").write_text("import sys\nsys.exit(3)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 8)).astype("float32"), rng.integers(0, 3, 64)
    np.savez("batch.npz", x=x, y=y)
    np.savez("reversed.npz", y=y, x=x)
    torch.save((torch.tensor(x), torch.tensor(y)), "batch.pt")
    safetensors.save_file({"x": torch.tensor(x), "y": torch.tensor(y)}, "batch.safetensors")
    torch.save({"a": np.random.default_rng(0)}, "pickled.pt")
    np.savez("pickled.npz", a=np.array([{"a": 1}], dtype=object))
    yield tmp_path
    for name in ("nets", "neighbour", "bad", "wrong", "script"):
        sys.modules.pop(name, None)


def run(*words: str):
    return CliRunner().invoke(app, [str(word) for word in words])


def model(**settings):
    sys.path.insert(0, "own")
    import nets

    torch.manual_seed(0)
    return nets.make(**settings)


@pytest.mark.parametrize("file", ["batch.npz", "reversed.npz", "batch.pt", "batch.safetensors"])
def test_a_batch_with_labels_reaches_the_loss(file):
    """Against the loss worked out by hand from the same numbers."""
    done = run("inspect", "own/nets.py:make", "--batch", file, "--loss", "cross_entropy", "--json", "-")
    assert done.exit_code == 0, done.output
    with np.load("batch.npz") as content:
        by_hand = F.cross_entropy(model()(torch.tensor(content["x"])), torch.tensor(content["y"]))
    assert json.loads(done.stdout)["loss"]["value"] == pytest.approx(float(by_hand.detach()), rel=1e-5)


@pytest.mark.parametrize(
    "words", [("width=24,depth=4",), ('{"width": 24, "depth": 4}',), ("width=24", "--kwargs", "depth=4")]
)
def test_keyword_arguments_in_either_form(words):
    done = run("plan", "own/nets.py:make", "--input", "f32[4,8]", "--kwargs", *words, "--json", "-")
    shapes = [entry["shape"] for entry in json.loads(done.output)["entries"]]
    assert shapes.count([24, 24]) == 4


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (("own/nets.py:broken",), ("ZeroDivisionError", "nets.py:13, in broken: return nn.Linear(width, 1 // 0)")),
        (("bad.py:make",), ("No module named 'nothing_there'", "bad.py:1, in <module>: import nothing_there")),
        (("wrong.py:make",), ("SyntaxError", "wrong.py:1: def f(:")),
        (("script.py:make",), ("SystemExit: 3", "script.py:2")),
        (("own/nets.py:nothing",), ("gives int, and no torch.nn.Module",)),
        (("own/nets.py:mak",), ("did you mean 'make'",)),
        (("own/nets.py",), ("own/nets.py:make",)),
        (("own/nots.py:make",), ("there is no file own/nots.py",)),
        (("nomodule:make",), ("there is no module 'nomodule'",)),
        (("gpt2",), ("hf:GPT2Config",)),
        (("own/nets.py:make",), ("--input 'f32[2,8]'", "--batch FILE")),
        (("own/nets.py:make", "--kwargs", "width"), ("width=64,depth=3",)),
        (("own/nets.py:make", "--kwargs", "wide=3"), ("unexpected keyword argument 'wide'",)),
        (("own/nets.py:make", "--batch", "pickled.pt"), ("holds pickled objects",)),
        (("own/nets.py:make", "--batch", "pickled.npz"), ("holds pickled objects",)),
        (("own/nets.py:make", "--batch", "no.npz"), ("there is no file no.npz",)),
        (("own/nets.py:make", "--batch", "batch.csv"), (".npz, .safetensors, .pt",)),
        (("own/nets.py:make", "--batch", "batch.npz"), ("loss='cross_entropy'",)),
        (("own/nets.py:make", "--batch", "batch.npz", "--input", "f32[2,8]"), ("not both",)),
        (("own/nets.py:make", "--input", "f32[2,8]", "--loss", "crossentropy"), ("did you mean 'cross_entropy'",)),
        (("own/nets.py:make", "--input", "f32[2,9]"), ("float32 2×9",)),
    ],
    ids=lambda one: " ".join(one),
)  # fmt: skip
def test_a_users_mistake_is_one_message_and_status_2(words, messages):
    done = run("inspect", *words)
    assert done.exit_code == 2, done.output
    assert not isinstance(done.exception, (NameError, AttributeError, KeyError))
    for message in messages:
        assert message in done.output
    assert "Traceback" not in done.output


def test_diff_of_two_stored_reports_is_that_of_the_reports():
    for name, depth in (("a", 2), ("b", 30)):
        run(
            "inspect",
            "own/nets.py:make",
            "--batch",
            "batch.npz",
            "--loss",
            "cross_entropy",
            "--kwargs",
            f"depth={depth}",
            "--json",
            f"{name}.json",
            "--fail-on",
            "never",
        )
    with np.load("batch.npz") as content:
        batch = torch.tensor(content["x"]), torch.tensor(content["y"])
    reports = [igt.inspect(model(depth=depth), batch, "cross_entropy") for depth in (2, 30)]
    expected = reports[0].diff(reports[1])
    done = run("diff", "a.json", "b.json", "--json")
    content = json.loads(done.stdout)
    assert (content["before"], content["after"]) == ("healthy", "critical")
    assert [one["code"] for one in content["new"]] == [one.code for one in expected.new]
    assert [one[0] for one in content["changed"]] == [one[0] for one in expected.changed]
    assert [one[3] for one in content["changed"]] == pytest.approx([one[3] for one in expected.changed])
    assert run("diff", "a.json", "b.json", "--fail-on-new").exit_code == 1
    assert run("diff", "b.json", "a.json", "--fail-on-new").exit_code == 0
    wrong = run("diff", "a.json", "bad.py")
    assert wrong.exit_code == 2
    assert "bad.py: this is no report" in wrong.output


def test_init_writes_what_init_draws(tmp_path):
    done = run(
        "init",
        "own/nets.py:make",
        "--batch",
        "batch.npz",
        "--loss",
        "cross_entropy",
        "--out",
        "start.safetensors",
        "--json",
        "receipt.json",
        "--seed",
        "3",
    )
    assert done.exit_code == 0, done.output
    torch.manual_seed(3)
    sys.path.insert(0, "own")
    import nets

    own = nets.make()
    with np.load("batch.npz") as content:
        receipt = igt.init_(own, (content["x"], content["y"]), 3, loss="cross_entropy", keep_healthy=False)
    found = safetensors.load_file("start.safetensors")
    assert all(torch.equal(value, found[name]) for name, value in own.state_dict().items())
    assert json.loads(Path("receipt.json").read_text())["plan_hash"] == receipt.plan_hash
    run("plan", "own/nets.py:make", "--json", "plan.json")
    assert run("init", "own/nets.py:make", "--plan", "plan.json", "--out", "drawn.safetensors").exit_code == 0
    drawn = nets.make()
    igt.apply_(drawn, igt.Plan.from_json(Path("plan.json").read_text()), 0)
    assert torch.equal(safetensors.load_file("drawn.safetensors")["2.weight"], drawn[2].weight)
    assert run("init", "own/nets.py:make", "--out", "start.bin").exit_code == 2


def test_init_of_tied_weights_writes_them_once():
    assert (
        run("init", "own/nets.py:Tied", "--input", "i64[4,5]<20", "--out", "tied.safetensors").exit_code == 0
    )
    assert list(safetensors.load_file("tied.safetensors")) == ["words.weight"]


def test_compare_ranks_by_a_short_run():
    done = run(
        "compare",
        "own/nets.py:make",
        "--batch",
        "batch.npz",
        "--loss",
        "cross_entropy",
        "--scheme",
        "current",
        "--scheme",
        "he_normal",
        "--seeds",
        "1",
        "--train",
        "2",
        "--json",
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["ranking"]
    assert {one["scheme"] for one in found} == {"current", "he_normal"}
    assert all(math.isfinite(one["losses"][0]) for one in found)


def test_models_of_hugging_face_by_config_alone(monkeypatch):
    """No socket is opened: whatever would download fails."""
    pytest.importorskip("transformers")
    import socket

    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection"))
    Path("gpt2.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    done = run("inspect", "gpt2.json", "--json", "-")
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content["loss"]["source"] == "output.loss"
    assert "int64 8×64" in content["settings"]["inputs"]
    small = ",".join(f"{key}={value}" for key, value in CONFIG.items() if isinstance(value, int))
    planned = run("plan", "hf:GPT2Config", "--kwargs", small, "--json", "-")
    entries = json.loads(planned.stdout)["entries"]
    assert {entry["path"]: entry["shape"] for entry in entries}["transformer.wte.weight"] == [100, 32]
    assert "did you mean" in run("inspect", "hf:GPT2Confg").output
    assert run("inspect", "batch.json").exit_code == 2


def test_book_names_find_their_experiment():
    from isogain.errors import LabError
    from isogain.lab.studies import study

    for name in ("figure 6-14", "6-14", "figure-6-14", "fig. 6-10", "图6-13"):
        assert study(name).experiment.name == "activation-distributions"
    assert study("6-15").experiment.name == "mnist-training"
    assert study("figure 6-18").experiment.name == "batch-normalization"
    with pytest.raises(LabError, match="did you mean 'clipping'"):
        study("cliping")


def test_a_page_that_cannot_be_written_is_said_before_anything_is_computed(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setattr("isogain.theory.predict", lambda *_, **__: pytest.fail("computed"))
    done = run("theory", "gelu", "--html", "gelu.html")
    assert done.exit_code == 2
    assert "isogain[lab]" in done.output


def test_open_opens_the_page(monkeypatch):
    pytest.importorskip("altair")
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert run("inspect", "own/nets.py:make", "--input", "f32[4,8]", "--open").exit_code == 0
    assert opened
    assert opened[0].startswith("file://")
    assert Path(opened[0].removeprefix("file://")).is_file()


def test_help_is_not_cut():
    text = " ".join(run("--help").output.split())
    assert "Run the classic experiments, with few seeds, and write one page that shows what they say." in text
    assert "..." not in text.partition("Commands:")[2]
