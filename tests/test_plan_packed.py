"""Packed weights: each map in one gets the law, the fans and the gain that it would get by itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from isogain.core.values.distributions import truncated_std  # noqa: E402
from isogain.errors import InitializerError  # noqa: E402

WIDTH, HEADS, SIZE = 48, 4, 12


pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


def sections(kv):
    return [HEADS * SIZE, kv * SIZE, kv * SIZE]


def chunked(z, kv):
    return z.chunk(3, -1)


def split(z, kv):
    return z.split(sections(kv), -1)


def sliced(z, kv):
    first, second = HEADS * SIZE, (HEADS + kv) * SIZE
    return z[..., :first], z[..., first:second], z[..., second:]


def unbound(z, kv):
    return z.reshape(*z.shape[:2], 3, HEADS, SIZE).permute(2, 0, 3, 1, 4).unbind(0)


def per_head(z, kv):
    return z.view(*z.shape[:2], HEADS, 3 * SIZE).transpose(1, 2).chunk(3, -1)


def per_head_indexed(z, kv):
    z = z.view(*z.shape[:2], HEADS, 3, SIZE)
    return tuple(z[..., k, :].transpose(1, 2) for k in range(3))


def per_group(z, kv):
    z = z.view(*z.shape[:2], kv, HEADS // kv + 2, SIZE)
    parts = z[:, :, :, :-2], z[:, :, :, [-2]], z[:, :, :, [-1]]
    return tuple(part.flatten(2, 3).transpose(1, 2) for part in parts)


def strided(z, kv):
    return z[..., ::3], z[..., 1::3], z[..., 2::3]


def _rows(kind, kv, part):
    """The rows of each part, counted by hand."""
    if kind in (per_head, per_head_indexed):
        return [3 * SIZE * head + SIZE * part + k for head in range(HEADS) for k in range(SIZE)]
    if kind is per_group:
        many = HEADS // kv
        start, length = ((0, many * SIZE), (many * SIZE, SIZE), ((many + 1) * SIZE, SIZE))[part]
        return [(many + 2) * SIZE * group + start + k for group in range(kv) for k in range(length)]
    if kind is strided:
        return list(range(part, 3 * WIDTH, 3))
    ends = np.cumsum([0, *sections(kv)])
    return list(range(ends[part], ends[part + 1]))


class Attention(nn.Module):
    """Queries, keys and values from one weight, taken apart in some way, or from three."""

    def __init__(self, kind=None, kv=HEADS, transposed=False):
        super().__init__()
        self.kind, self.kv, total = kind, kv, sum(sections(kv))
        if kind is None:
            self.q, self.k, self.v = (nn.Linear(WIDTH, size) for size in sections(kv))
        elif transposed:
            self.packed = nn.Parameter(torch.randn(WIDTH, total) * 0.02)
        else:
            self.packed = nn.Parameter(torch.randn(total, WIDTH) * 0.02)
        self.transposed, self.out = transposed, nn.Linear(HEADS * SIZE, WIDTH)

    def forward(self, x):
        if self.kind is None:
            parts = self.q(x), self.k(x), self.v(x)
        else:
            z = x @ self.packed if self.transposed else F.linear(x, self.packed)
            parts = self.kind(z, self.kv)
        q, k, v = (self._heads(part) for part in parts)
        k, v = (part.repeat_interleave(HEADS // part.shape[1], 1) for part in (k, v))
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    @staticmethod
    def _heads(part):
        return part.unflatten(-1, (-1, SIZE)).transpose(1, 2) if part.dim() == 3 else part


class PostNorm(nn.Module):
    """Six blocks with norms behind the sums, where values want another scale than queries and keys."""

    def __init__(self, make, blocks=6):
        super().__init__()
        self.first, self.attention = nn.Linear(WIDTH, WIDTH), nn.ModuleList(make() for _ in range(blocks))
        self.norms, self.head = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(blocks)), nn.Linear(WIDTH, 5)

    def forward(self, x):
        x = self.first(x)
        for attention, norm in zip(self.attention, self.norms, strict=True):
            x = norm(x + attention(x))
        return self.head(x)


WAYS = [
    (chunked, HEADS), (split, HEADS), (split, 2), (sliced, HEADS), (sliced, 1), (unbound, HEADS),
    (per_head, HEADS), (per_head_indexed, HEADS), (per_group, 2), (per_group, HEADS), (strided, HEADS),
]  # fmt: skip
NAMED = [f"{kind.__name__}-{kv}" for kind, kv in WAYS]


@pytest.mark.parametrize("transposed", [False, True], ids=["rows", "columns"])
@pytest.mark.parametrize(("kind", "kv"), WAYS, ids=NAMED)
def test_a_packed_model_and_its_twin_start_alike(kind, kv, transposed):
    x = torch.randn(3, 6, WIDTH)
    twin, packed = (PostNorm(lambda k=k: Attention(k, kv, transposed)) for k in (None, kind))
    one = igt.init_(twin, x, seed=1, keep_healthy=False)
    other = igt.init_(packed, x, seed=2, keep_healthy=False)
    assert "query" in other.plan["attention.2.packed"].reason
    assert one.plan["attention.2.out.weight"].initializer == other.plan["attention.2.out.weight"].initializer
    squares = np.zeros((2, 3))
    for a, b in zip(twin.attention, packed.attention, strict=True):
        weight = b.packed.detach().T if transposed else b.packed.detach()
        for part, name in enumerate("qkv"):
            squares[0, part] += float(getattr(a, name).weight.square().mean()) / len(twin.attention)
            squares[1, part] += float(weight[_rows(kind, kv, part)].square().mean()) / len(twin.attention)
    count = len(twin.attention) * WIDTH * min(sections(kv))
    assert squares[1] / squares[0] == pytest.approx(1, abs=5 * math.sqrt(2 * 2 / count))
    assert squares[1, 2] < 0.7 * squares[1, 0]  # values are smaller, queries and keys are not
    assert squares[1, 0] * WIDTH == pytest.approx(1, abs=5 * math.sqrt(2 / count))


@pytest.mark.parametrize(("kind", "kv"), WAYS, ids=NAMED)
def test_each_part_has_its_own_spectrum_and_fans(kind, kv):
    x, model = torch.randn(2, 6, WIDTH), PostNorm(lambda: Attention(kind, kv), blocks=1)
    plan = igt.plan(model, x)
    entry = plan["attention.0.packed"]
    assert [(one.fan_in, one.fan_out) for one in entry.fans_of_parts] == [(WIDTH, s) for s in sections(kv)]
    plan["attention.0.packed"] = "orthogonal"
    igt.apply_(model, plan, seed=3)
    for part in range(3):
        rows = model.attention[0].packed.detach()[_rows(kind, kv, part)]
        values = torch.linalg.svdvals(rows.double()).numpy()
        assert values == pytest.approx(np.ones_like(values), abs=1e-5)
    plan["attention.0.packed"] = "xavier_normal"
    igt.apply_(model, plan, seed=4)
    for part, size in enumerate(sections(kv)):
        variance = float(model.attention[0].packed.detach()[_rows(kind, kv, part)].var())
        assert variance == pytest.approx(2 / (WIDTH + size), rel=5 * math.sqrt(2 / (WIDTH * size)))


def test_a_plan_with_packed_weights_is_data():
    plan = igt.plan(PostNorm(lambda: Attention(per_group, 2)), torch.randn(2, 6, WIDTH))
    again = igt.Plan.from_json(plan.to_json())
    assert again == plan
    assert again.hash == plan.hash
    entry = again["attention.3.packed"]
    assert entry.packing == plan["attention.3.packed"].packing
    assert str(entry.packing) == f"2 x ({2 * SIZE} | {SIZE} | {SIZE})"
    again["attention.3.packed"] = "orthogonal"
    assert isinstance(again["attention.3.packed"].initializer, ig.Packed)
    assert "3 maps in one weight" in str(plan)


def test_rotations_of_some_channels_do_not_take_queries_apart():
    def rotated(part):
        turned, kept = part[..., :4], part[..., 4:]
        first, second = turned.chunk(2, -1)
        return torch.cat([torch.cat([first - second, first + second], -1), kept], -1)

    def rotary(z, kv):
        q, k, v = per_head(z, kv)
        return rotated(q), rotated(k), v

    plan = igt.plan(PostNorm(lambda: Attention(rotary)), torch.randn(2, 6, WIDTH))
    assert str(plan["attention.1.packed"].packing) == f"{HEADS} x ({SIZE} | {SIZE} | {SIZE})"


@pytest.mark.parametrize("same", [True, False], ids=["self", "across"])
def test_torchs_own_attention_is_taken_apart(same):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.other = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
            self.last = nn.Linear(WIDTH, 3)

        def forward(self, x):
            query = self.first(x)
            memory = query if same else self.other(x)
            return self.last(self.attention(query, memory, memory, need_weights=False)[0])

    plan = igt.plan(Net(), torch.randn(2, 6, WIDTH))
    entry = plan["attention.in_proj_weight"]
    assert not entry.kept
    assert str(entry.packing) == f"{WIDTH} | {WIDTH} | {WIDTH}"
    assert entry.fans.fan_out == WIDTH
    assert not plan["attention.in_proj_bias"].kept


def test_where_the_graph_cannot_tell_one_law_holds_and_says_so():
    order = torch.randperm(3 * WIDTH).chunk(3)

    def shuffled(z, kv):
        return tuple(z[..., one] for one in order)

    plan = igt.plan(PostNorm(lambda: Attention(shuffled)), torch.randn(2, 6, WIDTH))
    assert "one law for all of it" in plan["attention.2.packed"].reason
    assert plan["attention.2.packed"].packing is None


# ---- gates -----------------------------------------------------------------------------------------------

GATES = {
    "glu": lambda z: F.glu(z),
    "sigmoid": lambda z: (lambda a, b: a * torch.sigmoid(b))(*z.chunk(2, -1)),
    "silu": lambda z: (lambda a, b: F.silu(a) * b)(*z.chunk(2, -1)),
    "wavenet": lambda z: (lambda a, b: torch.tanh(a) * torch.sigmoid(b))(*z.chunk(2, -1)),
}


class Gated(nn.Module):
    def __init__(self, gate, width=512):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width), nn.Linear(width, 3)
        self.gate = GATES[gate]

    def forward(self, x):
        return self.c(self.gate(self.b(self.gate(self.a(x)))))


@pytest.mark.parametrize("gate", GATES)
def test_laws_behind_gates_keep_sizes_without_calibration(gate):
    """E[a^2 b^2] of independent halves, by sampling: not phi(z) z of one and the same z."""
    model, x = Gated(gate), torch.randn(512, 512)
    plan = igt.plan(model, x)
    z = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(1)).double()
    power = float(GATES[gate](z).square().mean())
    assert plan["b.weight"].gain ** 2 == pytest.approx(1 / power, rel=0.03)
    igt.apply_(model, plan, seed=5)
    with torch.no_grad():
        sizes = [float(z.square().mean()) ** 0.5 for z in (model.a(x), model.b(model.gate(model.a(x))))]
    assert sizes == pytest.approx([1, 1], abs=0.05)


# ---- experts and other weights without a layer -------------------------------------------------------------


class Experts(nn.Module):
    """Four experts in two stacked weights, mixed or chosen in several ways."""

    def __init__(self, way, width=32, hidden=64, experts=4):
        super().__init__()
        self.way, self.first = way, nn.Linear(width, width)
        self.router, self.last = nn.Linear(width, experts), nn.Linear(width, 3)
        self.up = nn.Parameter(torch.randn(experts, 2 * hidden, width) * 0.02)
        self.down = nn.Parameter(torch.randn(experts, width, hidden) * 0.02)

    def forward(self, x):
        x = self.first(x)
        share = self.router(x).softmax(-1)
        return self.last(F.layer_norm(getattr(self, self.way)(x, share), [x.shape[-1]]))

    @staticmethod
    def gated(z):
        gate, up = z.chunk(2, -1)
        return F.silu(gate) * up

    def einsum(self, x, share):
        hidden = self.gated(torch.einsum("bi,eoi->beo", x, self.up))
        return torch.einsum("beh,eoh,be->bo", hidden, self.down, share)

    def batched(self, x, share):
        spread = x.expand(len(self.up), -1, -1)
        out = torch.bmm(self.gated(torch.bmm(spread, self.up.mT)), self.down.mT)
        return (out * share.T[..., None]).sum(0)

    def picked(self, x, share):
        chosen = share.argmax(-1)
        hidden = self.gated(torch.bmm(self.up[chosen], x[..., None])[..., 0])
        return torch.bmm(self.down[chosen], hidden[..., None])[..., 0]

    def looped(self, x, share):
        total = torch.zeros_like(x)
        for expert in range(len(self.up)):
            hidden = self.gated(F.linear(x, self.up[expert]))
            total = total + F.linear(hidden, self.down[expert]) * share[:, expert, None]
        return total


@pytest.mark.parametrize("way", ["einsum", "batched", "picked", "looped"])
def test_stacked_experts_have_roles_and_fans(way):
    model, x = Experts(way), torch.randn(64, 32)
    plan = igt.plan(model, x)
    up, down = plan["up"], plan["down"]
    assert not up.kept
    assert not down.kept
    assert (up.fans.fan_in, down.fans.fan_in, down.fans.fan_out) == (32, 64, 32)
    assert [one.fan_out for one in up.fans_of_parts] in ([64, 64], [256, 256])
    igt.apply_(model, plan, seed=6)
    assert float(model.up.detach().var()) == pytest.approx(1 / 32, rel=5 * math.sqrt(2 / model.up.numel()))
    power = float(F.silu(torch.randn(400_000)).square().mean())
    expected = 1 / (64 * power)
    tolerance = 5 * math.sqrt(2 / model.down.numel()) + 0.01
    assert float(model.down.detach().var()) == pytest.approx(expected, rel=tolerance)


def test_cut_and_reshaped_parameters_are_weights():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.joint = nn.Parameter(torch.randn(20, 16))
            self.heads = nn.Parameter(torch.randn(16, 4, 6))

        def forward(self, x):
            inner = torch.tanh(F.linear(x, self.joint[:16]))
            return F.linear(inner, self.joint[16:]), x @ self.heads.reshape(16, 24)

    plan = igt.plan(Net(), torch.randn(8, 16))
    assert str(plan["joint"].packing) == "16 | 4"
    assert plan["heads"].layout == "in out out"
    assert (plan["heads"].fans.fan_in, plan["heads"].fans.fan_out) == (16, 24)


def test_learnt_queries_pass_through_ordinary_layers():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.latents = nn.Parameter(torch.randn(5, WIDTH))
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
            self.q, self.first, self.last = (nn.Linear(WIDTH, WIDTH) for _ in range(3))

        def forward(self, x):
            queries = self.q(self.latents.expand(len(x), -1, -1))
            memory = self.first(x)
            return self.last(self.attention(queries, memory, memory, need_weights=False)[0])

    plan = igt.plan(Reader(), torch.randn(2, 6, WIDTH))
    assert not plan["q.weight"].kept
    assert plan["attention.in_proj_weight"].packing is not None
    assert [entry.path for entry in plan.kept] == ["latents"]


def test_what_makes_weights_keeps_its_start():
    class Hyper(nn.Module):
        def __init__(self):
            super().__init__()
            self.code, self.maker = nn.Parameter(torch.randn(8)), nn.Linear(8, 16 * 16)
            self.last = nn.Linear(16, 3)

        def forward(self, x):
            return self.last(torch.relu(F.linear(x, self.maker(self.code).view(16, 16))))

    plan = igt.plan(Hyper(), torch.randn(8, 16))
    assert plan["maker.weight"].kept
    assert plan["maker.bias"].kept
    assert not plan["last.weight"].kept


# ---- streams that only look like it --------------------------------------------------------------------------


class Behind(nn.Module):
    """x + act(W x): a start at 0 would never be left where the activation is flat there."""

    def __init__(self, act, blocks=6):
        super().__init__()
        self.first, self.last = nn.Linear(16, 32), nn.Linear(32, 4)
        self.layers, self.act = nn.ModuleList(nn.Linear(32, 32) for _ in range(blocks)), act

    def forward(self, x):
        x = self.first(x)
        for layer in self.layers:
            x = x + self.act(layer(x))
        return self.last(x)


@pytest.mark.parametrize(("act", "zero"), [(torch.relu, False), (torch.tanh, True), (lambda x: x, True)])
def test_a_branch_closes_only_where_it_can_open(act, zero):
    model, x = Behind(act), torch.randn(32, 16)
    igt.init_(model, x, seed=1)
    assert bool((model.layers[2].weight == 0).all()) == zero
    model(x).square().sum().backward()
    assert all(float(layer.weight.grad.abs().max()) > 0 for layer in model.layers)


def test_a_gated_skip_is_no_stream():
    class Highway(nn.Module):
        def __init__(self, blocks=8):
            super().__init__()
            self.h, self.t = (nn.ModuleList(nn.Linear(32, 32) for _ in range(blocks)) for _ in range(2))
            self.first, self.last = nn.Linear(32, 32), nn.Linear(32, 4)

        def forward(self, x):
            x = self.first(x)
            for h, t in zip(self.h, self.t, strict=True):
                open_ = torch.sigmoid(t(x))
                x = open_ * torch.relu(h(x)) + (1 - open_) * x
            return self.last(x)

    model = Highway()
    receipt = igt.init_(model, torch.randn(128, 32), keep_healthy=False, findings=True)
    assert receipt.verdict_after == "healthy"
    assert [gain.after for gain in receipt.gains[2:-1:2]] == pytest.approx([1] * 8, abs=0.06)


def test_sums_of_what_a_stream_hands_out_are_no_streams():
    class Skips(nn.Module):
        def __init__(self, blocks=6):
            super().__init__()
            made = lambda: nn.ModuleList(nn.Linear(24, 24) for _ in range(blocks))  # noqa: E731
            self.inner, self.back, self.out, self.last = made(), made(), made(), nn.Linear(24, 4)
            self.first = nn.Linear(24, 24)

        def forward(self, x):
            x, total = self.first(x), 0
            for inner, back, out in zip(self.inner, self.back, self.out, strict=True):
                z = torch.tanh(inner(x))
                total, x = total + out(z), x + back(z)
            return self.last(total)

    plan = igt.plan(Skips(), torch.randn(32, 24))
    assert len({plan[f"inner.{k}.weight"].gain for k in range(1, 5)}) == 1
    assert "6 residual branches without a norm" in plan.needed
    assert all(plan[f"out.{k}.weight"].gain > 0.5 for k in range(6))


@pytest.mark.parametrize("join", ["concatenated", "bilinear"])
def test_sizes_behind_joins(join):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.gate = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 64)
            self.last = nn.Linear(64, 4)
            self.joint = nn.Linear(128, 64) if join == "concatenated" else nn.Bilinear(64, 64, 64)

        def forward(self, x):
            a, b = torch.relu(self.a(x)), torch.relu(self.b(x))
            met = self.joint(torch.cat([a, b], -1)) if join == "concatenated" else self.joint(a, b)
            return self.last(met * torch.sigmoid(self.gate(x)))

    model = Net()
    receipt = igt.init_(model, torch.randn(256, 64), keep_healthy=False)
    assert receipt.plan["joint.weight"].gain ** 2 == pytest.approx(2 if join == "concatenated" else 4)
    assert [gain.after for gain in receipt.gains[:3]] == pytest.approx([1, 1, 1], abs=0.06)


# ---- the law -------------------------------------------------------------------------------------------------


def test_packed_laws_against_their_moments():
    laws = (
        ig.Orthogonal(2.0),
        ig.VarianceScaling(0.5),
        ig.Uniform(-1, 1),
        ig.TruncatedNormal(std=0.3),
        ig.Zeros(),
    )
    law = ig.Packed(laws, sizes=(4, 6, 6, 6, 2), parts=(0, 1, 2, 3, 4), repeats=16)
    drawn = ig.draw(law, (384, 80), layout="out in", seed=3, path="w").astype(np.float64)
    by_head = drawn.reshape(16, 24, 80)
    square = by_head[:, :4].reshape(64, 80)
    assert square @ square.T == pytest.approx(4 * np.eye(64), abs=1e-5)
    count = 16 * 6 * 80
    for start, variance, kurtosis in ((4, 0.5 / 80, 3.0), (10, 1 / 3, 1.8)):
        part = by_head[:, start : start + 6]
        assert float(np.mean(part**2)) == pytest.approx(variance, rel=5 * math.sqrt((kurtosis - 1) / count))
    cut = by_head[:, 16:22]
    assert float(np.mean(cut**2)) == pytest.approx(0.09, rel=5 * math.sqrt(2 / count))
    assert np.abs(cut).max() <= 0.6 / truncated_std(-2, 2)
    assert not by_head[:, 22:].any()
    assert float(np.mean(drawn**2)) == pytest.approx(law.law((384, 80), layout="out in").std ** 2, rel=0.03)
    assert ig.Initializer.from_json(law.to_json()) == law
    region = ig.draw(law, (384, 80), layout="out in", seed=3, path="w", region=(slice(7, 90),))
    assert (region == drawn[7:90].astype(np.float32)).all()


PADDED = ig.Packed((ig.Normal(0.02), ig.Zeros()), sizes=(7, 1, 32), parts=(0, 1, 0))
THREE = ig.Packed((ig.Uniform(-1, 1), ig.TruncatedNormal(std=0.3), ig.Normal(2.0)), (2, 1, 1), (0, 1, 2), 10)


@pytest.mark.parametrize(
    ("law", "shape"),
    [(PADDED, (40, 12)), (PADDED, (40,)), (THREE, (40, 3, 5)), (ig.Packed(THREE.laws, (2, 3, 7), (2, 0, 1), 1, 1), (3, 12, 4))],
)  # fmt: skip
def test_a_box_of_a_packed_weight_takes_its_own_normals_alone(law, shape):
    """Bit for bit the box of the whole, from no more normals than its rows have."""
    made = law.law(shape, layout="out in *")
    z = np.random.default_rng(0).standard_normal(made.normals).astype(np.float32)
    whole = made.build(lambda first, count: z[first : first + count])
    asked = []

    def counting(first, count):
        asked.append(count)
        return z[first : first + count]

    rng = np.random.default_rng(1)
    for _ in range(60):
        ends = [sorted(rng.choice(size + 1, 2, replace=False)) for size in shape]
        box = tuple(slice(int(low), int(high)) for low, high in ends)
        asked.clear()
        assert np.array_equal(made.box(counting)(box), whole[box])
        assert sum(asked) <= (box[0].stop - box[0].start) * math.prod(shape[1:])
        drawn = ig.draw(law, shape, layout="out in *", seed=2, path="w", region=box)
        assert np.array_equal(drawn, ig.draw(law, shape, layout="out in *", seed=2, path="w")[box])


def test_a_box_of_a_packed_weight_builds_only_the_matrices_that_it_has_some_of():
    """Orthogonal q and k of 8 rows each, v drawn element by element: bit for bit, and each built once."""
    law = ig.Packed((ig.Orthogonal(), ig.Orthogonal(2.0), ig.Normal(0.1)), (4, 4, 4), (0, 1, 2), repeats=2)
    made = law.law((24, 16), layout="out in")
    z = np.random.default_rng(0).standard_normal(made.normals).astype(np.float32)
    whole, asked = made.build(lambda first, count: z[first : first + count].copy()), []

    def counting(first, count):
        asked.append((first, count))
        return z[first : first + count].copy()

    for rows, starts in (((8, 12), {256}), ((0, 4), {0}), ((12, 20), {0, 128})):
        asked.clear()
        box = slice(*rows), slice(3, 9)
        opened = made.box(counting)
        assert np.array_equal(opened(box), whole[box])
        assert {first for first, _ in asked} == starts
        number = len([first for first, _ in asked if first < 256])
        opened(box)
        assert len([first for first, _ in asked if first < 256]) == number
    drawn = ig.draw(law, (24, 16), layout="out in", seed=2, path="w")
    assert np.array_equal(
        ig.draw(law, (24, 16), layout="out in", seed=2, path="w", region=(slice(5, 19),)), drawn[5:19]
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"laws": ()}, "laws are initializers"),
        ({"parts": (0, 2)}, "number"),
        ({"sizes": (3,)}, "one entry a stretch"),
        ({"sizes": (3, 0)}, "sizes"),
        ({"repeats": 0}, "repeats"),
        ({"axis": 1.5}, "axis"),
        ({"sizes": (3, 6)}, "has to have 9 entries"),
        ({"laws": (ig.Zeros(), ig.Sparse(0.5))}, "cannot be a part"),
    ],
)
def test_packed_laws_that_do_not_fit_are_refused(settings, said):
    good = {"laws": (ig.Zeros(), ig.Ones()), "sizes": (3, 5), "parts": (0, 1)}
    with pytest.raises(InitializerError, match=said):
        ig.draw(ig.Packed(**{**good, **settings}), (8, 4), layout="out in", seed=0)
