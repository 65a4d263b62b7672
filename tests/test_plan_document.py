"""Plans and receipts as data: printed, edited, written to JSON and read again, from the command line."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from isogain.errors import IsogainError  # noqa: E402
from isogain.graph.entry import PlanError  # noqa: E402
from plan_networks import mlp, sizes  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


def test_plans_are_data():
    plan = igt.plan(mlp(nn.GELU), torch.randn(4, 32))
    again = igt.Plan.from_json(plan.to_json())
    assert again == plan
    assert again.hash == plan.hash
    assert json.loads(plan.to_json())["schema"] == "isogain.plan/1"
    text = str(plan)
    assert "MirroredOrthogonal" in text
    assert "x 28" in text
    assert "<table>" in plan._repr_html_()


def test_a_plan_sent_elsewhere_knows_no_model_and_a_copy_knows_its_own():
    model = mlp(nn.ReLU, depth=2)
    plan = igt.plan(model, torch.randn(4, 32))
    groups = plan.param_groups(0.1, "adam")
    copied = copy.deepcopy(plan).param_groups(0.1, "adam")
    assert [id(p) for one in copied for p in one["params"]] == [
        id(p) for one in groups for p in one["params"]
    ]
    sent = pickle.loads(pickle.dumps(plan))
    assert (sent, sent.hash) == (plan, plan.hash)
    with pytest.raises(PlanError, match="give param_groups model="):
        sent.param_groups(0.1, "adam")
    assert len(sent.param_groups(0.1, "adam", model=model)) == len(groups)


def test_plans_can_be_edited():
    model = mlp(nn.ReLU, depth=4)
    plan = igt.plan(model, torch.randn(4, 32))
    before = plan.hash
    plan["2.weight"] = "xavier_normal"
    assert plan.override("*.bias", ig.Constant(0.5)) == ("0.bias", "2.bias", "4.bias", "6.bias")
    plan["0.weight"] = None
    assert plan.hash != before
    own = model[0].weight.clone()
    igt.apply_(model, plan, seed=3)
    assert torch.equal(model[0].weight, own)
    assert torch.equal(model[2].bias.detach(), torch.full((64,), 0.5))
    drawn = ig.draw("xavier_normal", (64, 64), seed=3, path="2.weight", layout="out in")
    assert torch.equal(model[2].weight.detach(), torch.from_numpy(drawn))


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda p: p["2.wight"], "did you mean 2.weight"),
        (lambda p: p.override("nothing.*", "zeros"), "no parameter of Sequential fits"),
        (lambda p: p.override("*", "orthogonal"), "does not fit"),
        (lambda p: p.__setitem__("2.weight", 3), "an initializer"),
        (lambda p: igt.Plan.from_json("{"), "not JSON"),
        (lambda p: igt.Plan.from_json("{}"), "not a plan"),
        (lambda p: igt.Plan.from_json('{"schema": "isogain.plan/1"}'), "missing"),
    ],
)
def test_mistakes_are_named(act, said):
    plan = igt.plan(mlp(nn.ReLU, depth=3), torch.randn(4, 32))
    before = plan.to_json()
    with pytest.raises(IsogainError, match=said):
        act(plan)
    assert plan.to_json() == before


def test_an_unknown_recipe_or_pattern_is_refused():
    with pytest.raises(PlanError, match="no recipe is called 'nope'"):
        igt.plan(nn.Linear(2, 2), torch.randn(1, 2), recipe="nope")
    with pytest.raises(PlanError, match=r"no parameter fits 'x\.\*'"):
        igt.init_(nn.Linear(2, 2), torch.randn(1, 2), exclude="x.*")


def test_a_plan_without_inputs_says_what_it_guessed():
    plan = igt.plan(mlp(nn.ReLU))
    assert isinstance(plan["2.weight"].initializer, ig.MirroredOrthogonal)
    assert "guessed" in plan.notes[0]

    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(4, 5)

        def forward(self, a, b):
            raise RuntimeError

    plan = igt.plan(Stubborn())
    assert "unknown" in plan.notes[0]
    assert plan["a.weight"].initializer.scale == 1.0


def test_the_command(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from isogain.cli.app import app

    (tmp_path / "planned_models.py").write_text(
        "from torch import nn\ndef make(width=32): return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    runner = CliRunner()
    done = runner.invoke(app, ["plan", "planned_models:make", "--input", "f32[4,8]", "--json", "plan.json"])
    assert done.exit_code == 0, done.output
    assert "VarianceScaling" in done.output
    assert len(igt.Plan.from_json((tmp_path / "plan.json").read_text())) == 4
    meta = runner.invoke(app, ["plan", "planned_models:make", "--meta", "--json", "-"])
    assert json.loads(meta.output)["entries"]
    wrong = runner.invoke(app, ["plan", "planned_models:make", "--input", "f32[4,9]"])
    assert wrong.exit_code == 2


def test_receipts_are_data_and_readable():
    model, x = mlp(nn.ReLU, depth=12), torch.randn(64, 32)
    receipt = igt.init_(model, x, seed=3, findings=True)
    data = json.loads(receipt.to_json())
    assert (data["schema"], data["seed"], data["plan_hash"]) == ("isogain.receipt/1", 3, receipt.plan.hash)
    assert len(data["written"]) == 24
    forward, _ = sizes(model, x)
    measured = [gain.after for gain in receipt.gains]
    assert measured == pytest.approx(forward, rel=1e-3)
    assert [gain.predicted for gain in receipt.gains] == pytest.approx([1.0] * 11 + [0.3])
    ratio = [gain.gradient_after / receipt.gains[-1].gradient_after for gain in receipt.gains[:-1]]
    assert max(ratio) / min(ratio) < 1.2
    assert receipt.spread[1] < receipt.spread[0]
    text = str(receipt)
    assert "24 parameters written" in text
    assert f"signals were {receipt.spread[0]:.3g} decades apart and are {receipt.spread[1]:.2g}" in text
    assert f"gradients were {receipt.gradient_spread[0]:.3g} decades apart" in text
    assert "inspected" in text
    assert "24 parameters written" in receipt._repr_html_()
    assert "24 written" in repr(receipt)


def test_names_are_escaped_in_html():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module("<b>", nn.Linear(4, 4))

        def forward(self, x):
            return self._modules["<b>"](x)

    plan = igt.plan(Odd(), torch.randn(2, 4))
    assert "<b>" not in plan._repr_html_()
    assert (
        "<b>" not in igt.init_(Odd(), torch.randn(2, 4), exclude="<b>.bias", keep_healthy=False)._repr_html_()
    )
