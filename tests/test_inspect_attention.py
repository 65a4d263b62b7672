"""Attention: logits and entropy of sampled queries, against NumPy; one-hot heads are found, biases are none."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from corpus import closer  # noqa: E402
from isogain.inspect.looks import Attention  # noqa: E402
from isogain.inspect.rules.attention import condensation  # noqa: E402


def looks(model, *inputs):
    return [one.seen for one in igt.inspect(model, inputs).table.looks if isinstance(one.seen, Attention)]


class Fused(nn.Module):
    def __init__(self, causal=False):
        super().__init__()
        self.w, self.causal = nn.Linear(16, 48), causal

    def forward(self, x):
        q, k, v = (z.unflatten(-1, (2, 8)).transpose(1, 2) for z in self.w(x).chunk(3, -1))
        self.logits = (q @ k.transpose(-1, -2)).detach() / 8**0.5
        return F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).flatten(1)


@pytest.mark.parametrize("causal", [False, True])
def test_fused_logits_are_those_of_the_sampled_queries(causal):
    torch.manual_seed(0)
    model, x = Fused(causal), torch.randn(3, 16, 16) * 3
    (seen,) = looks(model, x)
    model(x)
    logits = model.logits.double()[:, :, 1::2]  # eight queries of sixteen, the last among them
    if causal:
        logits = logits.masked_fill(torch.ones(16, 16).triu(1).bool()[1::2], -math.inf)
    keys = torch.isfinite(logits).sum(-1)
    p = logits.softmax(-1)
    entropy = (torch.special.entr(p).sum(-1) / keys.log()).mean((0, 2))
    spread = torch.stack([row[torch.isfinite(row)].var(correction=0) for row in logits.flatten(0, 2)])
    assert seen.entropy == pytest.approx(entropy.tolist(), rel=1e-4)
    assert seen.largest == pytest.approx(p.amax(-1).mean((0, 2)).tolist(), rel=1e-4)
    assert seen.logits == pytest.approx(spread.view(3, 2, 8).mean((0, 2)).sqrt().tolist(), rel=1e-4)


def test_written_out_and_fused_attention_are_seen_alike():
    torch.manual_seed(1)
    written, fused = closer.Attend("written"), closer.Attend("fused")
    fused.load_state_dict(written.state_dict())
    x = torch.randn(4, 8, 48)
    (a,), (b,) = looks(written, x), looks(fused, x)
    last = [row[-1] for row in ([a.keys], [b.keys])]
    assert last[0] == 8
    assert a.logits == pytest.approx(b.logits, rel=0.3)  # the fused one is causal: other keys, same size


def test_a_bias_of_places_is_no_content():
    torch.manual_seed(2)
    plain, biased = closer.Attend(), closer.Alibi()
    biased.load_state_dict(plain.state_dict())
    x = torch.randn(4, 24, 48)
    (a,), (b,) = looks(plain, x), looks(biased, x)
    assert max(b.logits) > 5 * max(a.logits)
    assert b.content == pytest.approx(a.content, rel=1e-4)


def test_the_softmax_condenses_where_the_theory_says():
    # the largest of n normal logits of deviation s outweighs all others together beyond s = sqrt(2 ln n)
    torch.manual_seed(3)
    n = 4096
    bar = condensation(n)
    z = torch.randn(200, n, dtype=torch.double)
    top = [float((s * bar * z).softmax(-1).amax(-1).mean()) for s in (0.5, 1.0, 2.0)]
    assert top[0] < 0.1 < top[1] < 0.6 < top[2]


@pytest.mark.parametrize(("gain", "verdict"), [(1.0, "healthy"), (3.0, "warning"), (9.0, "critical")])
def test_loud_queries_and_keys(gain, verdict):
    torch.manual_seed(4)
    report = igt.inspect(*closer.read(closer.Reader(lambda: closer.Attend("written", gain))))
    assert report.verdict == verdict
    if gain > 1:
        finding = next(f for f in report.findings if f.code == "attention-collapse")
        assert {path.rpartition(".")[2] for path in finding.paths} == {"q", "k"}


@pytest.mark.parametrize("times", [1, 40])
def test_a_router_is_judged_by_the_shares_it_gives(times):
    torch.manual_seed(5)
    model = closer.Experts("soft", 8)
    model.router.weight.data *= times
    found = [f.path for f in igt.inspect(*closer.vectors(model)).findings if f.code == "attention-collapse"]
    assert found == (["router"] if times > 1 else [])


class Codes(nn.Module):
    """Distances to fixed codes, as sharp as quantisers have them: a loss asks for them, nothing is mixed."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(16, 8), nn.Linear(8, 3)
        self.register_buffer("codes", torch.sign(torch.randn(64, 8)))

    def forward(self, x):
        z = self.inner(x)
        chances = (200.0 * torch.einsum("bnd,cd->bnc", z, self.codes)).softmax(-1)
        entropy = -(chances * (chances + 1e-5).log()).sum(-1).mean()
        return self.outer(z), entropy


def test_a_softmax_that_mixes_nothing_is_no_attention():
    torch.manual_seed(0)
    report = igt.inspect(Codes(), torch.randn(4, 12, 16), lambda o: o[0].square().mean() + 0.1 * o[1])
    assert "attention-collapse" not in {finding.code for finding in report.findings}
