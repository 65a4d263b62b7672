"""Tables of tokens beside positions that a model drew by hand."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


class Reader(nn.Module):
    """Tokens and one or two bare tables of positions, added up, behind them a block with norms."""

    def __init__(self, *sizes, tied=False):
        super().__init__()
        self.tokens = nn.Embedding(50, 32)
        self.positions = nn.ParameterList(nn.Parameter(size * torch.randn(16, 32)) for size in sizes)
        self.block = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(32, 50, bias=False)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, x):
        signal = self.tokens(x)
        for table in self.positions:
            signal = signal + table
        return self.head(self.block(signal))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def planned(model):
    return igt.plan(model, torch.randint(0, 50, (8, 16)))["tokens.weight"].initializer.std


@pytest.mark.parametrize(("sizes", "tokens"), [((1.0,), 1.0), ((0.02, 0.5), 0.5), ((0.02,), 0.053)])
def test_tokens_are_as_large_as_positions_that_are_kept(sizes, tokens):
    assert planned(Reader(*sizes)) == pytest.approx(tokens, rel=0.1)


def test_a_tied_head_decides_all_the_same():
    assert planned(Reader(1.0, tied=True)) == pytest.approx(0.3 / 32**0.5, rel=0.01)


def test_no_token_drowns_after_a_forced_start():
    x, y = torch.randint(0, 50, (8, 16)), torch.randint(0, 50, (8, 16))
    model = Reader(1.0)

    def loss(o):
        return F.cross_entropy(o.flatten(0, 1), y.flatten())

    assert igt.init_(model, x, loss=loss, rates=False, keep_healthy=False).written
    assert igt.inspect(model, x, loss).verdict == "healthy"


class Molecule(nn.Module):
    """Atoms told apart by a table; lengths of their bonds among fixed centres, as in SchNet.  No norm."""

    def __init__(self, norm=False) -> None:
        super().__init__()
        self.atoms = nn.Embedding(10, 16)
        self.register_buffer("centres", torch.linspace(0, 4, 20))
        self.filter = nn.Sequential(nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, 16))
        self.norm, self.head = nn.LayerNorm(16) if norm else nn.Identity(), nn.Linear(16, 1)

    def forward(self, kinds, places):
        apart = (places[:, :, None] - places[:, None]).norm(dim=-1)
        bells = torch.exp(-(apart[..., None] - self.centres).square())
        atoms = self.atoms(kinds)
        return self.head(self.norm((self.filter(bells) * atoms[:, None]).mean(2) + atoms)).mean(1)


def test_a_table_is_small_only_in_front_of_a_norm_that_reads_it():
    torch.manual_seed(0)
    inputs = torch.randint(0, 10, (8, 5)), torch.randn(8, 5, 3)
    sizes = {norm: igt.plan(Molecule(norm), inputs)["atoms.weight"].initializer.std for norm in (False, True)}
    assert sizes[False] == 1.0
    assert sizes[True] < 0.1
    graph = igt.inspect(Molecule(), inputs).table.graph
    assert not [node for node in graph.nodes if node.kind == "norm"]
