"""What was set up wrong around healthy weights: shapes, masks, units of data, one module in a list, no skip."""

from __future__ import annotations

import itertools
import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.inspect.findings import at_least  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def loud(model, inputs, loss=None):
    """Of each finding that is more than a note its code, once."""
    report = igt.inspect(model, inputs, loss)
    return {one.code: one for one in report.findings if at_least(one.severity, "warning")}


def regressor(out=1):
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, out))


class Flat(nn.Module):
    """A regressor that answers (N,)."""

    def __init__(self):
        super().__init__()
        self.body = regressor()

    def forward(self, x):
        return self.body(x)[:, 0]


# ---- answers and targets of two shapes -----------------------------------------------------------------

COLUMN = {
    "mse_loss": lambda y: lambda output: F.mse_loss(output, y),
    "smooth_l1_loss": lambda y: lambda output: F.smooth_l1_loss(output, y),
    "a difference": lambda y: lambda output: (output - y).square().mean(),
    "a difference, turned": lambda y: lambda output: (y - output).abs().mean(),
}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("kind", COLUMN)
@pytest.mark.parametrize("column", [True, False])
def test_answers_held_against_the_targets_of_all_samples(kind, column):
    x = torch.randn(40, 8)
    model, y = (regressor(), x[:, 0]) if column else (Flat(), x[:, :1])
    scope = {"loss": COLUMN[kind](y)}
    finding = loud(model, x, scope["loss"])["loss-floor"]
    assert "40 x 40 differences" in finding.measured
    assert finding.severity == "critical"
    exec(finding.fix, scope)
    assert not loud(model, x, scope["loss"])
    perfect = y[:, None] if column else y[:, 0]
    assert float(scope["loss"](perfect)) == 0


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_targets_that_stand_in_the_inputs_take_the_answers_shape():
    x = torch.randn(40, 8)
    scope = {"inputs": (x, x[:, 0]), "loss": F.mse_loss}
    exec(loud(regressor(), scope["inputs"], F.mse_loss)["loss-floor"].fix, scope)
    assert scope["inputs"][1].shape == (40, 1)
    assert not loud(regressor(), scope["inputs"], F.mse_loss)


def test_differences_of_all_pairs_that_are_meant():
    x = torch.randn(40, 8)
    assert "loss-floor" not in loud(
        Flat(), x, lambda output: (output[:, None] - x[:, 0]).abs().amin(1).mean()
    )
    assert "loss-floor" not in loud(regressor(40), x, lambda output: F.mse_loss(output, torch.randn(40)))
    assert "loss-floor" not in loud(regressor(), x, lambda output: F.mse_loss(output[:, 0], x[:, 0]))


# ---- one module several times -----------------------------------------------------------------------------


class Experts(nn.Module):
    """Four experts, or one in four places, weighed by a router."""

    def __init__(self, shared, how):
        super().__init__()
        one = regressor()
        self.experts = nn.ModuleList([one] * 4 if shared else [regressor() for _ in range(4)])
        self.router, self.how = nn.Linear(8, 4), how

    def forward(self, x):
        shares = self.router(x).softmax(1)
        if self.how == "side by side":
            return (torch.cat([expert(x) for expert in self.experts], 1) * shares).sum(1, keepdim=True)
        return sum(shares[:, k : k + 1] * expert(x) for k, expert in enumerate(self.experts))


@pytest.mark.parametrize("how", ["side by side", "summed"])
def test_one_expert_in_all_places(how):
    x = torch.randn(32, 8)
    found = loud(Experts(True, how), x, lambda output: F.mse_loss(output, x[:, :1]))["identical-layers"]
    assert found.measured.startswith("4 results")
    assert found.path.startswith("experts.0")
    assert "identical-layers" not in loud(Experts(False, how), x)


class Injected(nn.Module):
    """A state that reads the same input at every step, as equilibrium models do."""

    def __init__(self):
        super().__init__()
        self.read, self.step, self.answer = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 1)

    def forward(self, x):
        state = torch.zeros(len(x), 16)
        for _ in range(4):
            state = torch.tanh(self.step(state) + self.read(x))
        return self.answer(state)


class Pair(nn.Module):
    """One encoder for two views, which differ."""

    def __init__(self):
        super().__init__()
        self.encode, self.answer = nn.Linear(8, 16), nn.Linear(32, 1)

    def forward(self, x):
        return self.answer(torch.cat([self.encode(x), self.encode(x.flip(1))], 1))


@pytest.mark.parametrize("make", [Injected, Pair])
def test_one_layer_used_again_on_purpose(make):
    x = torch.randn(32, 8)
    assert "identical-layers" not in loud(make(), x, lambda output: F.mse_loss(output, x[:, :1]))


# ---- masks the wrong way round -----------------------------------------------------------------------------


class Reader(nn.Module):
    """Words of sentences that padding (0) fills up, summed up by attention under a mask."""

    def __init__(self, how, wrong):
        super().__init__()
        self.words, self.places = nn.Embedding(30, 16), nn.Parameter(0.3 * torch.randn(12, 16))
        self.attend = nn.MultiheadAttention(16, 2, batch_first=True) if how == "module" else None
        self.answer, self.how, self.wrong = nn.Linear(16, 3), how, wrong

    def forward(self, ids):
        there = (ids != 0) != self.wrong
        x = self.words(ids) + self.places
        if self.how == "module":
            mixed = self.attend(x, x, x, key_padding_mask=~there, need_weights=False)[0]
        elif self.how == "fused":
            mixed = F.scaled_dot_product_attention(x, x, x, there[:, None].expand(-1, 12, -1))
        else:
            logits = (x @ x.transpose(1, 2) / 4).masked_fill(~there[:, None], -1e9)
            mixed = logits.softmax(-1) @ x
        return self.answer((x + mixed).mean(1))


def sentences(left=False):
    ids = torch.randint(1, 30, (24, 12))
    for k, length in enumerate(torch.randint(4, 12, (24,)).tolist()):
        ids[k, length:] = 0
    return ids.flip(1) if left else ids


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("how", ["module", "fused", "written out"])
def test_a_mask_that_leaves_the_padding(how, left):
    ids, y = sentences(left), torch.randint(3, (24,))
    finding = loud(Reader(how, True), ids, lambda output: F.cross_entropy(output, y))["attention-collapse"]
    assert "wrong way round" in finding.why
    assert finding.severity == "critical"
    assert not loud(Reader(how, False), ids, lambda output: F.cross_entropy(output, y))


def test_sentences_without_padding_do_not_hide_that_of_others():
    ids = sentences()
    ids[::2] = torch.randint(1, 30, (12, 12))  # of these the wrong mask hides all
    assert "attention-collapse" in loud(Reader("module", True), ids)
    assert "attention-collapse" not in loud(Reader("module", False), ids)


def test_a_mask_that_comes_with_the_sentences_is_no_sentence():
    class Told(Reader):
        """With the mask as a second input, 1 for what is there, as tokenizers give it."""

        def forward(self, ids, mask):
            x = self.words(ids) + self.places
            there = (mask == 1) != self.wrong
            return self.answer(
                (x + F.scaled_dot_product_attention(x, x, x, there[:, None].expand(-1, 12, -1))).mean(1)
            )

    for left in (False, True):
        ids = sentences(left)
        batch = {"ids": ids, "mask": (ids != 0).long()}
        assert not loud(Told("fused", False), batch)
        assert "attention-collapse" in loud(Told("fused", True), batch)


def test_a_mask_of_chosen_places_is_no_padding_mask():
    class Chosen(Reader):
        def forward(self, ids):
            x = self.words(ids) + self.places
            seen = torch.zeros(len(ids), 12, 12, dtype=torch.bool)
            seen[:, :, -5:] = True  # the last five places, which are words
            return self.answer((x + F.scaled_dot_product_attention(x, x, x, seen)).mean(1))

    assert not loud(Chosen("fused", False), torch.randint(1, 30, (24, 12)))


# ---- data as they came -------------------------------------------------------------------------------------


def pixels(count=32):
    return 255 * torch.rand(count, 1, 8, 8) * (torch.rand(count, 1, 8, 8) < 0.4)


def shrunk(model):
    """With a first layer that brings raw numbers to 1 itself."""
    with torch.no_grad():
        model[1].weight.mul_(0.01)
    return model


def network(*first):
    return nn.Sequential(*first, nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 4))


def test_raw_numbers_that_a_layer_reads_as_they_came():
    x, y = pixels() - 200, torch.randint(4, (32,))
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    )
    scope = {"inputs": x}
    finding = loud(model, x, lambda output: F.cross_entropy(output, y))["exploding-forward"]
    assert finding.path == "0"
    assert "raw numbers" in finding.why
    exec(finding.fix, scope)
    assert abs(float(scope["inputs"].mean())) < 0.01
    assert float(scope["inputs"].std()) == pytest.approx(1, rel=0.01)
    assert not loud(model, scope["inputs"], lambda output: F.cross_entropy(output, y))
    for batch in ((x, y), {"input": x, "labels": y}):
        scope = {"inputs": batch}
        exec(loud(model, batch, "cross_entropy")["exploding-forward"].fix, scope)
        new = scope["inputs"]["input"] if isinstance(batch, dict) else scope["inputs"][0]
        assert float(new.std()) == pytest.approx(1, rel=0.01)
        assert (scope["inputs"]["labels"] if isinstance(batch, dict) else scope["inputs"][1]) is y


BROUGHT_TO_SIZE = {
    "a norm first": lambda: network(nn.Flatten(), nn.BatchNorm1d(64)),
    "a norm right behind": lambda: nn.Sequential(
        nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4)
    ),
    "a first layer made for them": lambda: shrunk(network(nn.Flatten())),
}


@pytest.mark.parametrize("kind", BROUGHT_TO_SIZE)
def test_raw_numbers_that_something_brings_to_size(kind):
    x, y = pixels(), torch.randint(4, (32,))
    assert "exploding-forward" not in loud(
        BROUGHT_TO_SIZE[kind](), x, lambda output: F.cross_entropy(output, y)
    )


def test_times_that_a_table_of_sines_reads_are_no_raw_numbers():
    class Timed(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = network()

        def forward(self, t):
            rates = torch.exp(-math.log(1e4) * torch.arange(32) / 32)
            angles = t[:, None] * rates
            return self.body(torch.cat([angles.sin(), angles.cos()], 1))

    assert not loud(Timed(), torch.randint(1000, (32,)).float())


def test_samples_that_are_one_where_their_targets_differ():
    model = nn.Sequential(nn.Embedding(40, 16), nn.Flatten(), nn.Linear(96, 4))
    ids = torch.randint(40, (32, 6))
    y = ids[:, 0] % 4
    lost = (ids / 255).long()
    finding = loud(model, lost, lambda output: F.cross_entropy(output, y))["constant-output"]
    assert finding.path == "0"
    assert "32 samples that are the same" in finding.measured
    assert not loud(model, ids, lambda output: F.cross_entropy(output, y))
    assert not loud(model, lost)  # a batch of zeros to try a model with
    assert not loud(model, lost, lambda output: F.cross_entropy(output, torch.zeros(32, dtype=torch.long)))


def test_one_sentence_many_times_may_be_learnt_by_heart():
    class Next(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.answer = nn.Embedding(30, 16), nn.Linear(16, 30)

        def forward(self, ids):
            return self.answer(self.words(ids)).flatten(0, 1)

    ids = torch.randint(30, (1, 12)).repeat(8, 1)
    assert not loud(Next(), ids, lambda output: F.cross_entropy(output, ids.roll(-1, 1).flatten()))


# ---- no way past the layers ----------------------------------------------------------------------------------


class Blocks(nn.Module):
    """Attention and a layer behind norms, added to what goes in or put in its place."""

    def __init__(self, depth, skip):
        super().__init__()
        self.words, self.skip, self.answer = nn.Embedding(30, 32), skip, nn.Linear(32, 30)
        self.places = nn.Parameter(0.3 * torch.randn(16, 32))
        self.qkv = nn.ModuleList(nn.Linear(32, 96) for _ in range(depth))
        self.out = nn.ModuleList(nn.Linear(32, 32) for _ in range(depth))

    def forward(self, ids):
        x = self.words(ids) + self.places
        for qkv, out in zip(self.qkv, self.out, strict=True):
            q, k, v = qkv(F.layer_norm(x, (32,))).chunk(3, -1)
            y = out((q @ k.transpose(1, 2) / 32**0.5).softmax(-1) @ v)
            x = x + y if self.skip else y
        return self.answer(F.layer_norm(x, (32,)))


@pytest.mark.parametrize(("depth", "skip", "alarm"), [(4, False, True), (4, True, False), (1, False, False)])
def test_attention_upon_attention_without_a_residual_sum(depth, skip, alarm):
    ids = torch.randint(30, (12, 16))
    found = loud(Blocks(depth, skip), ids, lambda o: F.cross_entropy(o.flatten(0, 1), ids.flatten()))
    assert ("rank-collapse" in found) == alarm
    if alarm:
        assert "no residual sum" in found["rank-collapse"].why


def test_loud_attention_beside_a_stream_is_no_missing_sum():
    model, ids = Blocks(4, True), torch.randint(30, (12, 16))
    for layer in model.out:
        nn.init.normal_(layer.weight, std=30.0)
    found = loud(model, ids, lambda o: F.cross_entropy(o.flatten(0, 1), ids.flatten()))
    assert "no residual sum" not in " ".join(one.why for one in found.values())


@pytest.mark.parametrize(("depth", "gain", "alarm"), [(20, 1, True), (20, 2**0.5, False), (6, 1, False)])
def test_twenty_plain_layers_at_glorots_gain(depth, gain, alarm):
    layers = []
    for fan in [64] * depth:
        layers += [nn.Linear(fan, 64), nn.ReLU()]
        nn.init.normal_(layers[-2].weight, std=gain / 8)
        nn.init.zeros_(layers[-2].bias)
    model, x, y = nn.Sequential(*layers, nn.Linear(64, 4)), torch.randn(48, 64), torch.randint(4, (48,))
    assert ("vanishing-forward" in loud(model, x, lambda o: F.cross_entropy(o, y))) == alarm


# ---- bounds behind a constant -----------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "alarm"), [(1.0, True), (2.0, False), (16.0, False)])
def test_cosines_times_a_constant(factor, alarm):
    class Cosines(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.classes = nn.Linear(8, 32), nn.Parameter(torch.randn(10, 32))

        def forward(self, x):
            return F.normalize(self.body(x), dim=1) @ F.normalize(self.classes, dim=1).T * factor

    x, y = torch.randn(40, 8), torch.randint(10, (40,))
    found = loud(Cosines(), x, lambda output: F.cross_entropy(output, y))
    assert ("loss-floor" in found) == alarm


@pytest.mark.parametrize(("factor", "alarm"), [(1.0, True), (10.0, False)])
def test_a_tanh_times_a_constant(factor, alarm):
    class Shut(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = regressor(10)

        def forward(self, x):
            return torch.tanh(self.body(x)) * factor

    x, y = torch.randn(40, 8), torch.randint(10, (40,))
    assert ("loss-floor" in loud(Shut(), x, lambda output: F.cross_entropy(output, y))) == alarm


# ---- branches shut on purpose --------------------------------------------------------------------------------


class Summary(nn.Module):
    """A class token that reads patches through branches scaled by gates, the token's own beside the rest."""

    def __init__(self, gate):
        super().__init__()
        self.read, self.token = nn.Linear(16, 32), nn.Parameter(0.02 * torch.randn(1, 1, 32))
        self.q, self.kv, self.up, self.down = (nn.Linear(32, n) for n in (32, 64, 64, 32))
        self.down = nn.Linear(64, 32)
        self.gates = nn.ParameterList(nn.Parameter(torch.full((32,), gate)) for _ in range(2))
        self.answer = nn.Linear(32, 10)

    def forward(self, x):
        x = torch.cat([self.token.expand(len(x), -1, -1), self.read(x)], 1)
        normed = F.layer_norm(x, (32,))
        k, v = self.kv(normed).chunk(2, -1)
        seen = (self.q(normed[:, :1]) @ k.transpose(1, 2) / 6).softmax(-1) @ v
        x = x + self.gates[0] * torch.cat([seen, normed[:, 1:]], 1)
        token = self.gates[1] * self.down(F.gelu(self.up(F.layer_norm(x, (32,))[:, :1])))
        x = x + torch.cat([token, x[:, 1:]], 1)
        return self.answer(F.layer_norm(x, (32,))[:, 0])


@pytest.mark.parametrize("gate", [0.0, 1e-5, 1e-3])
def test_a_class_token_whose_branches_start_shut(gate):
    x, y = torch.randn(32, 9, 16), torch.randint(10, (32,))
    assert not loud(Summary(gate), x, lambda output: F.cross_entropy(output, y))


# ---- nothing goes in, nothing comes back -------------------------------------------------------------------


class Neighbours(nn.Module):
    """Messages along the pairs of points that are nearer than a cutoff."""

    def __init__(self, cutoff):
        super().__init__()
        self.cutoff, self.read = cutoff, nn.Linear(3, 16)
        self.message, self.answer = nn.Linear(1, 16), nn.Linear(16, 1)

    def forward(self, points):
        apart = torch.cdist(points, points)
        a, b = ((apart < self.cutoff) & (apart > 0)).nonzero(as_tuple=True)
        state = torch.tanh(self.read(points))
        sent = torch.tanh(self.message(apart[a, b][:, None])) * state[b]
        return self.answer(state + torch.zeros_like(state).index_add(0, a, sent))


@pytest.mark.parametrize(("cutoff", "alarm"), [(0.0, True), (1.0, False)])
def test_a_cutoff_that_leaves_no_neighbour(cutoff, alarm):
    points = torch.randn(40, 3)
    found = loud(Neighbours(cutoff), points, lambda answers: F.mse_loss(answers, points[:, :1]))
    assert ("vanishing-forward" in found) == alarm
    if alarm:
        assert found["vanishing-forward"].path == "message"


def test_experts_that_were_not_chosen_may_wait():
    class Chosen(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.experts = nn.Linear(8, 3), nn.ModuleList(nn.Linear(8, 1) for _ in range(3))
            nn.init.constant_(self.score.bias, 0)
            self.score.bias.data[0] = 30  # all go to the first one

        def forward(self, x):
            shares = self.score(x).softmax(1)
            best, answers = shares.argmax(1), torch.zeros(len(x), 1)
            for k, expert in enumerate(self.experts):
                rows = (best == k).nonzero()[:, 0]
                answers = answers.index_add(0, rows, shares[rows, k : k + 1] * expert(x[rows]))
            return answers

    x = torch.randn(32, 8)
    assert "vanishing-forward" not in loud(Chosen(), x, lambda answers: F.mse_loss(answers, x[:, :1]))


class Curved(nn.Module):
    """The second derivative of a network by its input, as equations ask for it."""

    def __init__(self, phi):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 32), phi(), nn.Linear(32, 32), phi(), nn.Linear(32, 1))

    def forward(self, x):
        x = x.detach().clone().requires_grad_()
        u = self.net(x)
        slope = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
        return torch.autograd.grad(slope.sum(), x, create_graph=True)[0] + 0 * u


@pytest.mark.parametrize(("phi", "alarm"), [(nn.ReLU, True), (nn.Tanh, False)])
def test_a_second_derivative_of_straight_pieces_teaches_nothing(phi, alarm):
    x = torch.linspace(-1, 1, 48)[:, None]
    found = loud(Curved(phi), x, lambda curve: F.mse_loss(curve, torch.sin(3 * x)))
    assert ("vanishing-backward" in found) == alarm
    if alarm:
        assert "slope 0" in found["vanishing-backward"].why


class Pairs(nn.Module):
    """Two views that are projected, brought to length 1 and compared."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(8, 16, bias=False), nn.Linear(8, 16, bias=False)

    def forward(self, x):
        a, b = self.one(x), self.other(x.flip(1))
        a, b = (y / y.square().sum(1, keepdim=True) ** 0.5 for y in (a, b))
        return 10 * a @ b.T


def test_zeros_that_are_divided_by_their_length_are_named_and_drawn():
    model, x = Pairs(), torch.randn(24, 8)
    for layer in (model.one, model.other):
        nn.init.zeros_(layer.weight)
    finding = loud(model, x, lambda logits: F.cross_entropy(logits, torch.arange(24)))["non-finite"]
    assert set(finding.paths) == {"one.weight", "other.weight"}
    assert "0 / 0" in finding.why
    exec(finding.fix, {"model": model, "igt": igt, "torch": torch})
    assert "non-finite" not in loud(model, x, lambda logits: F.cross_entropy(logits, torch.arange(24)))


@pytest.mark.parametrize(("times", "alarm"), [(400, True), (10, False)])
def test_a_lone_layer_a_hundred_times_as_loud_as_all_others(times, alarm):
    widths = (8, 24, 20, 28, 22, 26, 18, 30, 16)  # no two layers are of one kind
    layers = []
    for k, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        layers += [nn.Linear(fan_in, fan_out), nn.Hardtanh() if k == 4 else nn.Tanh()]
    layers[8].weight.data.mul_(times)
    model, x = nn.Sequential(*layers, nn.Linear(16, 1)), torch.randn(48, 8)
    report = igt.inspect(model, x, lambda answers: F.mse_loss(answers, x[:, :1]))
    told = [one for one in report.findings if one.path == "8" and "peers" in one.why]
    assert bool(told) == alarm


# ---- no alarm --------------------------------------------------------------------------------------------------


class Spike(torch.autograd.Function):
    """Fires above 1; its slope is that of a bell."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (v,) = ctx.saved_tensors
        return gradient / (1 + (math.pi * (v - 1)) ** 2)


def test_neurons_that_do_not_fire_yet_but_learn():
    class Spiking(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside, self.answer = nn.Linear(64, 48), nn.Linear(48, 4)

        def forward(self, x):
            v, w, total = 0.0, 0.0, 0.0
            for _ in range(6):
                v = 0.5 * v + self.inside(x)
                spikes = Spike.apply(v)
                v = v * (1 - spikes.detach())
                w = 0.5 * w + self.answer(spikes)
                total = total + Spike.apply(w)
            return total / 6

    x, y = torch.randn(48, 64), F.one_hot(torch.randint(4, (48,)), 4).float()
    report = igt.inspect(Spiking(), x, lambda rates: F.mse_loss(rates, y))
    assert not [one for one in report.findings if one.code == "vanishing-forward"]


def test_scores_of_which_only_differences_count_lack_no_constant():
    class Ranked(nn.Module):
        """Scores of pairs that were liked, and of pairs that were not, in one vector."""

        def __init__(self):
            super().__init__()
            self.users, self.things = nn.Embedding(30, 16), nn.Embedding(40, 16)

        def forward(self, liked, other):
            both = [(self.users(u) * self.things(t)).sum(1) for u, t in (liked.T, other.T)]
            return torch.stack(both, 1)

    pairs = torch.stack([torch.randint(30, (64,)), torch.randint(40, (64,))], 1)
    others = torch.stack([pairs[:, 0], torch.randint(40, (64,))], 1)
    found = loud(Ranked(), (pairs, others), lambda s: -F.logsigmoid(s[:, 0] - s[:, 1]).mean())
    assert "initial-loss" not in found


@pytest.mark.parametrize(("size", "severity"), [(0.02, "info"), (0.005, "warning")])
def test_quiet_positions_are_a_note_and_silent_ones_a_warning(size, severity):
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.places = nn.Embedding(30, 32), nn.Parameter(size * torch.randn(16, 32))
            self.norm, self.answer = nn.LayerNorm(32), nn.Linear(32, 30)

        def forward(self, ids):
            return self.answer(self.norm(self.words(ids) + self.places))

    ids = torch.randint(30, (12, 16))
    report = igt.inspect(Tokens(), ids, lambda o: F.cross_entropy(o.flatten(0, 1), ids.flatten()))
    assert [one.severity for one in report.findings if one.path == "places"] == [severity]


def test_a_few_numbers_of_old_memory():
    class Tagged(nn.Module):
        def __init__(self, moves):
            super().__init__()
            self.body, self.moves = nn.Linear(8, 3), nn.Parameter(moves)

        def forward(self, x):
            return self.body(x) + self.moves.sum(0).clamp(-1, 1)

    x = torch.randn(32, 8)
    old = torch.tensor([[2.8e-40, 0.0, 5.3e17], [6.5e9, 0.0, 1.3e-11], [0.0, 5.4e-20, 3.3e-40]])
    assert "uninitialized" in loud(Tagged(old), x)
    for drawn in (
        0.1 * torch.randn(3, 3),
        torch.tensor([[1e-9, 0.0, 3.0], [1e9, 0.0, 1e4], [1.0, 2.0, 1e-6]]),
    ):
        assert "uninitialized" not in loud(Tagged(drawn), x)


# ---- names of what is wrong ------------------------------------------------------------------------------------


def test_numbers_with_fractions_that_look_up_one_row():
    class Timed(nn.Module):
        def __init__(self, rows):
            super().__init__()
            self.time, self.read, self.answer = nn.Embedding(64, 16), nn.Linear(4, 16), nn.Linear(16, 1)
            self.rows = rows

        def forward(self, x, t):
            return self.answer(torch.tanh(self.read(x) + self.time((t * self.rows).long())))

    x, t = torch.randn(64, 4), 0.99 * torch.rand(64)

    def loss(answers):
        return F.mse_loss(answers, torch.sin(6 * t)[:, None])

    found = loud(Timed(1), (x, t), loss)["idle-slices"]
    assert found.path == "time"
    assert "1 of 64 rows" in found.measured
    assert "idle-slices" not in loud(Timed(63), (x, t), loss)


def test_a_state_that_grows_is_named_and_not_the_head_behind_it():
    class Doubling(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.rnn, self.head = nn.RNN(2, 32, nonlinearity="relu", batch_first=True), nn.Linear(32, 4)
            self.rnn.weight_hh_l0.data = factor * torch.eye(32)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    x, y = torch.randn(32, 40, 2), torch.randint(4, (32,))
    found = loud(Doubling(2.0), x, lambda output: F.cross_entropy(output, y))["exploding-forward"]
    assert found.path == "rnn"
    assert "at each of its steps" in found.why
    assert "exploding-forward" not in loud(Doubling(1.0), x, lambda output: F.cross_entropy(output, y))


def test_parameters_that_functions_use_bear_their_own_names():
    class Written(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = (
                nn.Parameter(9 * torch.randn(16, 32)),
                nn.Parameter(torch.randn(32, 4) / 6),
            )

        def forward(self, x):
            return torch.tanh(x @ self.first) @ self.second

    report = igt.inspect(Written(), torch.randn(48, 16))
    assert any("first" in (one.path, *one.paths) or "first" in one.why for one in report.findings)


@pytest.mark.parametrize(
    ("std", "frozen", "alarm"), [(1e-4, False, False), (1e-4, True, True), (0.1, True, False)]
)
def test_small_tables_that_learn_are_a_start(std, frozen, alarm):
    class Clicks(nn.Module):
        def __init__(self):
            super().__init__()
            self.tables = nn.ModuleList(nn.Embedding(20, 8) for _ in range(5))
            self.body = nn.Sequential(
                nn.Linear(40, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1)
            )
            for table in self.tables:
                nn.init.normal_(table.weight, std=std)
                table.weight.requires_grad_(not frozen)

        def forward(self, ids):
            return self.body(torch.cat([table(ids[:, k]) for k, table in enumerate(self.tables)], 1))[:, 0]

    ids = torch.randint(20, (64, 5))
    clicked = (ids[:, 0] > 9).float()
    found = loud(Clicks(), ids, lambda logits: F.binary_cross_entropy_with_logits(logits, clicked))
    assert bool({"constant-output", "rank-collapse"} & set(found)) == alarm
