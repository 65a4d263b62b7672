"""Starts that somebody chose small: branches behind trained constants, trained temperatures, quiet answers."""

from __future__ import annotations

import copy
import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from isogain.torch.inspection.inspecting import inspect  # noqa: E402

SAMPLES, PLACES, WIDTH, CLASSES = 16, 9, 32, 4


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def found(model, inputs, loss="cross_entropy"):
    return {one.code: one for one in inspect(model, inputs, loss=loss).findings if one.severity != "info"}


def labels(count=SAMPLES):
    return torch.randint(CLASSES, (count,))


# ---- branches behind small constants -------------------------------------------------------


class Block(nn.Module):
    """A residual block whose branches end in a trained constant; `quiet` shrinks what they make besides."""

    def __init__(self, scale: float, quiet: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.values, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.scales = nn.ParameterList(torch.full((WIDTH,), scale) for _ in range(2))
        with torch.no_grad():
            for layer in (self.out, self.narrow):
                layer.weight.mul_(quiet)

    def forward(self, x):
        y = self.norms[0](x)
        x = x + self.scales[0] * self.out((y @ y.mT / WIDTH).softmax(-1) @ self.values(y))
        return x + self.scales[1] * self.narrow(F.gelu(self.wide(self.norms[1](x))))


class Tokens(nn.Module):
    """Its answer is read from a token that is the same for all samples."""

    def __init__(self, scale: float, quiet: float = 1.0) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(8, WIDTH), nn.Linear(WIDTH, CLASSES)
        self.token = nn.Parameter(0.5 * torch.randn(1, 1, WIDTH))
        self.blocks, self.norm = nn.Sequential(*(Block(scale, quiet) for _ in range(2))), nn.LayerNorm(WIDTH)

    def forward(self, x):
        x = torch.cat((self.token.expand(len(x), -1, -1), self.first(x)), 1)
        return self.head(self.norm(self.blocks(x))[:, 0])


def test_a_token_behind_layer_scales_differs_little_on_purpose():
    seen = torch.randn(SAMPLES, PLACES, 8), labels()
    assert not found(Tokens(1e-5), seen)
    assert found(Tokens(1e-5, quiet=1e-6), seen)["constant-output"].severity == "critical"


# ---- trained temperatures ------------------------------------------------------------------


class Cosines(nn.Module):
    """Attention over cosines, times what a trained logarithm says."""

    def __init__(self, factor: float, trained: bool = True) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(8, WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.head = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, CLASSES)
        self.log = nn.Parameter(torch.full((4, 1, 1), math.log(factor)), requires_grad=trained)

    def forward(self, x):
        x = self.first(x)
        parts = self.qkv(self.norm(x)).view(SAMPLES, PLACES, 3, 4, -1).permute(2, 0, 3, 1, 4)
        q, k, v = parts.unbind()
        logits = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT * self.log.exp()
        mixed = (logits.softmax(-1) @ v).transpose(1, 2).flatten(2)
        return self.head((x + mixed).mean(1))


@pytest.mark.parametrize(
    ("factor", "trained", "sharp"),
    [(10, True, False), (10, False, False), (30, False, True), (200, True, True)],
)
def test_a_trained_factor_on_cosines_may_make_them_sharp(factor, trained, sharp):
    seen = torch.randn(SAMPLES, PLACES, 8), labels()
    assert ("attention-collapse" in found(Cosines(factor, trained), seen)) is sharp


class Pairs(nn.Module):
    """Two towers, compared by cosines times a trained factor, or by products."""

    def __init__(self, lengths: bool) -> None:
        super().__init__()
        self.left, self.right, self.lengths = nn.Linear(8, 16), nn.Linear(8, 16), lengths
        self.scale = nn.Parameter(torch.tensor(14.0 if lengths else 2.0))
        for layer in (self.left, self.right):
            nn.init.normal_(layer.weight, std=8**-0.5)

    def _made(self, layer, x):
        made = layer(x)
        return made / made.pow(2).sum(-1, keepdim=True).pow(0.5) if self.lengths else made

    def forward(self, x):
        return self._made(self.left, x) @ self._made(self.right, x.flip(1)).T * self.scale


def test_signals_over_their_own_length_make_cosines():
    seen = torch.randn(SAMPLES, 8), torch.arange(SAMPLES)
    assert "initial-loss" not in found(Pairs(lengths=True), seen)
    assert "initial-loss" in found(Pairs(lengths=False), seen)


# ---- answers and tables --------------------------------------------------------------------


class Ids(nn.Module):
    """A linear model of names: what its table reads is no signal, however large the numbers are."""

    def __init__(self) -> None:
        super().__init__()
        self.shares = nn.ModuleList(nn.Embedding(60, 1) for _ in range(3))
        self.tables = nn.ModuleList(nn.Embedding(60, 8) for _ in range(3))
        self.body = nn.Sequential(nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 1))
        for table in self.shares:
            nn.init.normal_(table.weight, std=1e-4)

    def _read(self, tables, x):
        return torch.cat([table(x[:, k].long()) for k, table in enumerate(tables)], -1)

    def forward(self, x):
        return self._read(self.shares, x).sum(-1, keepdim=True) + self.body(self._read(self.tables, x))


def test_a_table_of_small_shares_shrinks_no_names():
    x = torch.randint(60, (SAMPLES, 3)).float()
    assert "vanishing-forward" not in found(Ids(), (x, torch.randn(SAMPLES, 1)), loss="mse")


class Decoded(nn.Module):
    """Overlapping frames put together by a transposed convolution, the last layer or one of several."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        self.encode, self.decode = nn.Conv1d(1, 24, 16, 8), nn.ConvTranspose1d(24, 6, 16, 8)
        self.head = nn.Identity() if last else nn.Conv1d(6, 1, 5)
        nn.init.kaiming_normal_(self.decode.weight, mode="fan_out")

    def forward(self, x):
        return self.head(self.decode(F.relu(self.encode(x))))


def test_answers_of_another_fan_are_a_remark():
    x = torch.randn(8, 1, 128)
    sizes = [Decoded(last)(x).shape for last in (True, False)]
    seen = [
        found(Decoded(last), (x, torch.randn(size)), loss="mse")
        for last, size in zip((True, False), sizes, strict=True)
    ]
    assert "off-peers" not in seen[0]
    assert "off-peers" in seen[1]


# ---- copies of a few numbers ---------------------------------------------------------------


class Streams(nn.Module):
    """Networks of a dozen numbers, whose mean is the answer."""

    def __init__(self, copied: bool) -> None:
        super().__init__()
        first = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
        self.streams = nn.ModuleList(copy.deepcopy(first) for _ in range(8))
        if not copied:
            self.streams.apply(lambda one: one.reset_parameters() if isinstance(one, nn.Linear) else None)

    def forward(self, x):
        return torch.stack([one(x) for one in self.streams]).mean(0)


class Kernels(nn.Module):
    """Two kernels that somebody wrote down, each a trained start."""

    def __init__(self) -> None:
        super().__init__()
        edges = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
        self.kernels = nn.ParameterList(edges.clone()[None, None] for _ in range(2))
        self.head = nn.Linear(36, CLASSES)

    def forward(self, x):
        return self.head(sum(F.conv2d(x, one) for one in self.kernels).flatten(1))


def test_copies_of_a_dozen_numbers_are_copies():
    seen = torch.randn(SAMPLES, 2), torch.randn(SAMPLES, 1)
    assert "identical-layers" in found(Streams(copied=True), seen, loss="mse")
    assert not found(Streams(copied=False), seen, loss="mse")
    assert "identical-layers" not in found(Kernels(), (torch.randn(SAMPLES, 1, 8, 8), labels()))
