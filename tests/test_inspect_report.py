"""The Report in every form: text, JSON, the page in a browser, a notebook's fragment, differences, CI files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.errors import InspectError, IsogainError  # noqa: E402
from isogain.inspect.findings import CODES  # noqa: E402
from isogain.report.ci import to_junit, to_sarif  # noqa: E402

X = torch.randn(32, 16, generator=torch.Generator().manual_seed(0))
Y = torch.randint(0, 10, (32,), generator=torch.Generator().manual_seed(0))


def chain(depth, std=None, name=None):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(16, 16), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(16, 10))
    for module in model.modules():
        if std and isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=std)
    if name:
        model = nn.ModuleDict({name: model})
        model.forward = lambda x: model[name](x)
    return model


def loss(output):
    return F.cross_entropy(output, Y)


@pytest.fixture(scope="module")
def bad():
    return igt.inspect(chain(30), X, loss)


@pytest.fixture(scope="module")
def good():
    return igt.inspect(chain(2), X, loss)


def test_verdict_is_the_worst_severity(bad, good):
    assert bad.verdict == "critical"
    assert good.verdict == "healthy"
    assert bad.reaches("warning")
    assert not good.reaches("warning")


def test_the_cause_names_gain_and_activation(bad):
    assert "PyTorch's default gain" in bad.cause
    assert "relu, which needs 1.41" in bad.cause


def test_text_fits_100_columns(bad, good):
    for report in (bad, good):
        assert max(map(len, str(report).splitlines())) <= 100
    assert "coverage" in str(good)


def test_json_has_a_schema_and_only_finite_numbers(bad):
    document = json.loads(bad.to_json())
    assert document["schema"] == "isogain.inspect/1"
    assert document["verdict"] == "critical"
    assert {"code", "severity", "path", "measured", "expected", "why", "fix", "paths"} == set(
        document["findings"][0]
    )
    assert len(document["layers"]) == len(bad.layers)


def test_accepted_findings_do_not_count(bad):
    assert bad.accept(("*",)).verdict == "healthy"
    kept = bad.accept(("vanishing-backward:*", "rank-collapse"))
    assert {f.code for f in kept.findings} & {"vanishing-backward", "rank-collapse"} == set()
    assert kept.accepted


def test_differences_name_what_is_gone_and_new(bad, good):
    difference = bad.diff(good)
    assert (difference.before, difference.after) == ("critical", "healthy")
    assert {f.code for f in difference.gone} == {f.code for f in bad.findings}
    assert not difference.new
    assert "critical -> healthy" in str(difference)


def test_notebook_fragment_has_no_script_and_escapes(bad):
    html = igt.inspect(chain(30, name="<script>alert(1)</script>"), X, loss)._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    html = bad._repr_html_()
    body = html[html.index("</style>") :]
    assert "var(--" in body
    assert not re.search(r"var\(--[\w-]+\)", body), "each has a colour of its own where styles are dropped"


def test_page_is_one_file_that_fetches_nothing(bad, tmp_path):
    path = bad.to_html(tmp_path / "page.html")
    text = path.read_text(encoding="utf-8")
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    assert text.index('id="findings"') < text.index('id="scales"') < text.index('id="layers"')
    assert len(text) < 400_000


@pytest.mark.browser
def test_page_in_a_browser(tmp_path):
    from report_browser import chromium

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(16, 16), nn.ReLU()) for _ in range(30))

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    page_file = igt.inspect(Net(), X).to_html(tmp_path / "page.html")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1100, "height": 800})
        problems, requests = [], []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(page_file.as_uri())
        assert page.locator("#verdict").inner_text().strip().endswith("Critical")
        rows = page.locator("#layers tr[data-words]")
        visible = lambda: sum(rows.nth(i).is_visible() for i in range(rows.count()))  # noqa: E731
        folded = visible()
        for key in ("j", "j", "j", "Enter"):  # the input, the first weight, the 30 activations
            page.keyboard.press(key)
        assert visible() == folded + 30
        page.keyboard.press("k")
        assert page.locator('tr[aria-current="true"]').count() == 1
        theme = page.evaluate("document.documentElement.dataset.theme")
        page.keyboard.press("t")
        assert page.evaluate("document.documentElement.dataset.theme") != theme
        page.keyboard.press("/")
        page.keyboard.type("blocks.7.0")
        assert visible() < folded + 30
        page.keyboard.press("Escape")
        assert visible() == folded + 30
        assert page.locator("#layers svg").count() > 30  # a histogram for every layer
        assert page.locator("#formats tbody tr").count() == 4
        assert page.locator("#repeat").inner_text().count("torch") >= 2
        page.set_viewport_size({"width": 320, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert problems == []
        assert requests == [page_file.as_uri()]


def test_sarif_and_junit(bad, good):
    log = json.loads(to_sarif(bad, "pkg:make"))
    assert log["version"] == "2.1.0"
    assert [r["ruleId"] for r in log["runs"][0]["results"]] == [f.code for f in bad.findings]
    suite = ElementTree.fromstring(to_junit(bad, "pkg:make"))
    assert int(suite.get("tests")) == len(CODES)
    assert {case.get("name") for case in suite if len(case)} == {f.code for f in bad.findings}
    assert ElementTree.fromstring(to_junit(good, "pkg:make")).get("failures") == "0"


# ---- compare and Monitor -----------------------------------------------------------------------


def test_compare_ranks_and_leaves_the_model_alone():
    model = chain(30)
    before = [p.clone() for p in model.parameters()]
    state = torch.get_rng_state()
    found = igt.compare(model, X, ("default", "he_normal", "current"), seeds=2, loss=loss)
    assert found.best == "he_normal"
    assert found["default"].verdict == "critical"
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert torch.equal(state, torch.get_rng_state())
    assert "he_normal" in str(found)
    with pytest.raises(InspectError, match="no scheme 'nothing'"):
        igt.compare(model, X, ("nothing",))
    with pytest.raises(InspectError, match="was compared"):
        found["nothing"]


def test_compare_by_default_has_init_and_init_is_among_the_best():
    found = igt.compare(chain(30), X, seeds=1, loss=loss)
    assert {ranked.scheme for ranked in found.ranking} == {
        "default", "he_normal", "xavier_normal", "orthogonal", "init_",
    }  # fmt: skip
    assert found["init_"].verdict == "healthy"
    assert found["init_"].badness < found["default"].badness


def test_monitor_looks_at_powers_of_two_and_measures_the_step():
    torch.manual_seed(0)
    model, scalars = chain(2), []

    class Writer:
        def add_scalar(self, tag, value, step):
            scalars.append((tag, step))

    monitor = igt.Monitor(model, X, loss, writer=Writer())
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    expected = None
    for step in range(1, 10):
        optimizer.zero_grad()
        loss(model(X)).backward()
        before = model[0].weight.detach().clone()
        optimizer.step()
        looked = monitor.step()
        if step == 8:
            change = (model[0].weight - before).std(correction=0) / before.std(correction=0)
            expected = float(change.log10())
            assert looked.update_to_data["0.weight"] == pytest.approx(expected, rel=1e-4)
    assert expected is not None
    assert [snapshot.step for snapshot in monitor.snapshots] == [0, 1, 2, 4, 8]
    assert ("isogain/loss", 8) in scalars


def test_monitor_page(tmp_path):
    model = chain(2)
    monitor = igt.Monitor(model, X, loss)
    for _ in range(3):
        monitor.step()
    last = monitor.close(tmp_path / "training.html")
    assert last.step == 3
    text = (tmp_path / "training.html").read_text(encoding="utf-8")
    assert 'id="steps"' in text


class Trainer:
    global_step, logger = 0, None


def test_callbacks_drive_a_monitor(tmp_path, monkeypatch):
    import types

    fake = types.ModuleType("lightning.pytorch")
    fake.Callback = type("Callback", (), {})
    monkeypatch.setitem(sys.modules, "lightning", types.ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", fake)
    model, trainer = chain(2), Trainer()
    callback = igt.LightningMonitor(X, loss, page=tmp_path / "a.html")
    assert isinstance(callback, fake.Callback)
    callback.on_train_start(trainer, model)
    for batch in range(8):  # two batches to a step
        trainer.global_step = (batch + 1) // 2
        callback.on_train_batch_end(trainer, model, None, None, batch)
    callback.on_train_end(trainer, model)
    assert [snapshot.step for snapshot in callback.monitor.snapshots] == [0, 1, 2, 4]
    assert (tmp_path / "a.html").exists()


def test_hugging_face_callback(tmp_path):
    transformers = pytest.importorskip("transformers")
    callback = igt.HuggingFaceMonitor(X, loss, page=tmp_path / "a.html")
    assert isinstance(callback, transformers.TrainerCallback)
    callback.on_train_begin(None, None, None, model=chain(2))
    for _ in range(2):
        callback.on_step_end(None, None, None)
    callback.on_train_end(None, None, None)
    assert [snapshot.step for snapshot in callback.monitor.snapshots] == [0, 1, 2]


# ---- the command and the fixture ------------------------------------------------------------------


MODELS = """
from torch import nn
def make(depth=2):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(16, 16), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(16, 10))
def words():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(50, 16), nn.Linear(16, 4)
        def forward(self, ids, mask):
            return self.head(self.words(ids) * mask[..., None])
    return Net()
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from isogain.cli.app import app

    (tmp_path / "inspected_models.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return lambda *words: CliRunner().invoke(app, ["inspect", *words])


def test_command_statuses(run, tmp_path):
    fine = run("inspected_models:make", "--input", "f32[32,16]")
    assert fine.exit_code == 0, fine.output
    assert "healthy" in fine.output
    deep = ("inspected_models:make", "--input", "f32[32,16]", "--kwargs", '{"depth": 30}')
    assert run(*deep).exit_code == 1
    assert run(*deep, "--fail-on", "never").exit_code == 0
    (tmp_path / "pyproject.toml").write_text('[tool.isogain.inspect]\naccept = ["*"]\n', encoding="utf-8")
    assert run(*deep).exit_code == 0
    (tmp_path / "pyproject.toml").write_text("[tool.isogain.inspect]\nfail_on = 3\n", encoding="utf-8")
    assert run(*deep).exit_code == 2


def test_command_writes_every_file(run, tmp_path):
    names = {"--html": "a.html", "--json": "a.json", "--sarif": "a.sarif", "--junit": "a.xml"}
    words = [word for pair in names.items() for word in pair]
    result = run("inspected_models:make", "--input", "f32[32,16]", *words)
    assert result.exit_code == 0, result.output
    assert all((tmp_path / name).stat().st_size > 100 for name in names.values())


def test_command_named_and_integer_inputs(run):
    result = run("inspected_models:words", "--input", "ids=i64[4,8]<50", "--input", "mask=f32[4,8]")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "words",
    [
        ("inspected_models:nothing", "--input", "f32[2,16]"), ("no_such_module:make", "--input", "f32[2,16]"),
        ("inspected_models", "--input", "f32[2,16]"), ("inspected_models:make", "--input", "float[2]"),
        ("inspected_models:make", "--input", "f32[2,7]"), ("inspected_models:make", "--input", "f32[2,16]<5"),
        ("inspected_models:make", "--input", "x=f32[2,16]", "--input", "f32[2]"),
        ("inspected_models:make", "--input", "f32[2,16]", "--kwargs", "[1]"),
        ("inspected_models:make", "--input", "f32[2,16]", "--fail-on", "often"),
    ],
)  # fmt: skip
def test_command_errors_are_one_line_and_status_2(run, words):
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output


def test_pytest_fixture(tmp_path):
    (tmp_path / "test_start.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def test_good(isogain_inspect):\n    isogain_inspect(nn.Linear(4, 4), torch.randn(8, 4))\n"
        "def test_bad(isogain_inspect):\n    m = nn.Linear(4, 4)\n    m.weight.data.fill_(float('nan'))\n"
        "    isogain_inspect(m, torch.randn(8, 4))\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "non-finite" in done.stdout


def test_every_error_is_isogains():
    assert issubclass(InspectError, IsogainError)
