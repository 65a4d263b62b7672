"""The network drawn: repeats found in the structure, boxes below what they read, every number in reach."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from xml.etree import ElementTree

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.report import theme  # noqa: E402
from isogain.report.network_outline import outline  # noqa: E402
from report_browser import chromium  # noqa: E402


class Block(nn.Module):
    def __init__(self, width, project=False):
        super().__init__()
        self.inner, self.outer, self.norm = (
            nn.Linear(width, 2 * width),
            nn.Linear(2 * width, width),
            nn.LayerNorm(width),
        )
        self.skip = nn.Linear(width, width) if project else nn.Identity()

    def forward(self, x):
        return self.skip(x) + self.outer(F.gelu(self.inner(self.norm(x))))


class Written(nn.Module):
    """An activation written out: five operations that are one box."""

    def forward(self, x):
        return 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.04 * x**3)))


def plain(depth):
    layers = [part for _ in range(depth) for part in (nn.Linear(16, 16), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(16, 4))


def report_of(model):
    torch.manual_seed(0)
    return igt.inspect(model, torch.randn(8, 16))


def seen(model):
    table = report_of(model).table
    return outline(table.graph, table.loss_from)


def test_layers_that_repeat_are_one_block():
    found = seen(plain(40))
    assert [(len(one.members), one.count) for one in found.repeats] == [(2, 39)]
    assert len(found.nodes) == 6  # input, first weight, relu, the block's two, head
    assert sum(map(len, found.stands_for.values())) == 82  # 41 weights, 40 activations, the input


@pytest.mark.parametrize("project", [False, True])
def test_residual_blocks_are_cut_where_they_begin(project):
    """A block that differs stays apart, and those after it are not cut across."""
    model = nn.Sequential(
        nn.Linear(16, 16), Block(16, project), *(Block(16) for _ in range(5)), nn.Linear(16, 4)
    )
    found = seen(model)
    [repeat] = found.repeats
    kinds = [
        found.nodes[place].kind for place, node in enumerate(found.nodes) if node.index in repeat.members
    ]
    assert kinds == ["norm", "weight", "activation", "weight", "add"]
    assert repeat.count == (5 if project else 6)


def test_names_have_no_say():
    """The same structure under names without numbers."""
    names = ("first", "red", "green", "blue", "ochre", "last")
    parts = (nn.Linear(16, 16), *(Block(16) for _ in range(4)), nn.Linear(16, 4))
    [repeat] = seen(nn.Sequential(OrderedDict(zip(names, parts, strict=True)))).repeats
    assert repeat.count == 4


def test_an_activation_written_out_is_one_box_and_no_residual_sum():
    model = nn.Sequential(nn.Linear(16, 16), Written(), nn.Linear(16, 4))
    table = report_of(model).table
    found = outline(table.graph, table.loss_from)
    assert [node.kind for node in found.nodes if node.kind != "input"][::2] == ["weight", "weight"]
    assert len(found.nodes) == 4
    assert "residual sum" not in {node.role for node in table.graph.nodes}


def test_a_real_residual_sum_keeps_its_role():
    table = report_of(nn.Sequential(nn.Linear(16, 16), Block(16), Block(16, True))).table
    assert sum(node.role == "residual sum" for node in table.graph.nodes) == 2


def test_boxes_stand_below_what_they_read_and_none_covers_another():
    layout = pytest.importorskip("isogain.report.network_layout")
    pytest.importorskip("grandalf")
    edges = [(0, 1), (1, 2), (0, 3), (3, 2), (2, 4), (0, 4), (7, 8)]
    sizes = {key: (40.0 + 7 * key, 20.0) for key in (0, 1, 2, 3, 4, 7, 8)}
    placed = layout.place(sizes, edges)
    for source, target in edges:
        assert placed.middles[source][1] < placed.middles[target][1]
        assert len(placed.paths[source, target]) >= 2
    for one, other in itertools.combinations(sizes, 2):
        apart = [abs(a - b) for a, b in zip(placed.middles[one], placed.middles[other], strict=True)]
        assert apart[0] >= (sizes[one][0] + sizes[other][0]) / 2 or apart[1] >= 20


def test_the_picture_is_well_formed_and_every_box_tells_its_numbers():
    pytest.importorskip("grandalf")
    from isogain.report.network_picture import drawing

    report = report_of(plain(12))
    root = ElementTree.fromstring(theme.plain(drawing(report)))
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == len(seen(plain(12)).nodes)
    block = next(title for title in titles if "11 of these" in title and "linear" in title)
    assert "272 parameters" in block
    assert "gain" in block
    assert "gradient" in block


@pytest.mark.browser
@pytest.mark.parametrize("width", [1300, 390])
def test_every_number_of_the_layers_can_be_reached(tmp_path, width):
    """Each cell can be scrolled to where it is seen in full, and nothing lies over it; a hint says so."""
    model = nn.Sequential(nn.Linear(16, 16), *(Block(16, True) for _ in range(2)), nn.Linear(16, 4))
    page = report_of(model).to_html(tmp_path / "page.html")
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": width, "height": 900})
        said = []
        opened.on("console", lambda message: said.append(message.text))
        opened.goto(page.as_uri())
        opened.wait_for_timeout(300)
        hidden = opened.evaluate(
            """() => [...document.querySelectorAll('#layers td.n, #layers th.n')].filter(cell => {
                if (!cell.textContent.trim() || cell.closest('tbody[hidden]')) return false;
                cell.scrollIntoView({block: 'center', inline: 'end', behavior: 'instant'});
                const box = cell.getBoundingClientRect();
                const range = document.createRange(); range.selectNodeContents(cell);
                const text = range.getBoundingClientRect();
                const top = document.elementFromPoint(text.left + text.width / 2, text.top + text.height / 2);
                return text.left < 0 || text.right > innerWidth || !(cell === top || cell.contains(top));
            }).map(cell => cell.textContent)"""
        )
        wide = opened.evaluate(
            "() => { const b = document.querySelector('#layers .scroll'); return [b.scrollWidth > b.clientWidth + 1, b.dataset.wide ?? '']; }"
        )
        sideways = opened.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    assert not hidden
    assert wide[0] == bool(wide[1])
    assert wide[0] or width > 390
    assert sideways <= 0
    assert not said
