"""What only looks like a fault: left in peace; and its neighbours that are faults, found."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def codes(report):
    return {f.code for f in report.findings if f.severity != "info"}


class Policy(nn.Module):
    """A value, a log probability and an entropy, as actor-critic methods return them."""

    def __init__(self, kind, gain=0.01):
        super().__init__()
        self.kind, self.trunk = kind, nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.value, self.policy = nn.Linear(64, 1), nn.Linear(64, 3)
        self.spread = nn.Parameter(torch.zeros(3))
        nn.init.orthogonal_(self.policy.weight, gain)
        nn.init.zeros_(self.policy.bias)

    def forward(self, x):
        features = self.trunk(x)
        mean = self.policy(features)
        if self.kind == "choices":
            law = torch.distributions.Categorical(logits=mean)
            return self.value(features), law.log_prob(torch.zeros(len(x)).long()), law.entropy()
        law = torch.distributions.Normal(mean, self.spread.exp().expand_as(mean))
        return self.value(features), law.log_prob(torch.zeros_like(mean)).sum(1), law.entropy().sum(1)


def actor_loss(output):
    value, chance, entropy = output
    return value.square().mean() - chance.mean() - 0.01 * entropy.mean()


@pytest.mark.parametrize("kind", ["choices", "numbers"])
def test_the_entropy_of_a_small_policy_head_is_nearly_one_number(kind):
    torch.manual_seed(0)
    assert not codes(igt.inspect(Policy(kind), drawn(64, 6), actor_loss)) - {"unused-parameter"}


def test_a_policy_whose_trunk_forgets_its_input_is_still_found():
    torch.manual_seed(0)
    model = Policy("choices")
    with torch.no_grad():
        model.trunk[2].weight.mul_(1e-7)
    assert {"vanishing-backward", "constant-output"} & codes(igt.inspect(model, drawn(64, 6), actor_loss))


class Squeezed(nn.Module):
    """A branch that a zero shuts, and squeeze-and-excitation that reads what it makes."""

    def __init__(self, shut):
        super().__init__()
        self.shut, self.conv = shut, nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm, self.gain = nn.BatchNorm2d(8), nn.Parameter(torch.zeros(8, 1, 1, 1))
        if shut == "norm":
            nn.init.zeros_(self.norm.weight)
        self.narrow, self.wide = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x):
        if self.shut == "gain":
            weight = self.conv.weight - self.conv.weight.mean((1, 2, 3), keepdim=True)
            branch = F.conv2d(x, weight * self.gain, padding=1)
        else:
            branch = self.norm(self.conv(x))
        mean = branch.mean((2, 3), keepdim=True)
        return x + 2 * branch * torch.sigmoid(self.wide(torch.relu(self.narrow(mean))))


def convolutional(*blocks):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)
    )


@pytest.mark.parametrize("shut", ["norm", "gain"])
def test_units_behind_a_gate_that_opens_are_not_dead(shut):
    torch.manual_seed(0)
    model, x = convolutional(Squeezed(shut), Squeezed(shut)), drawn(16, 3, 16, 16)
    assert igt.inspect(model, x).verdict == "healthy"
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(2):  # and so it is: they part as soon as it opens
        optimizer.zero_grad()
        F.cross_entropy(model(x), torch.arange(16) % 10).backward()
        optimizer.step()
    assert float(model[1].narrow.weight.grad.abs().max()) > 0


def test_units_that_nothing_opens_are_dead():
    torch.manual_seed(0)
    model = convolutional(nn.Conv2d(8, 8, 1), nn.ReLU())
    nn.init.constant_(model[1].bias, -50.0)
    assert codes(igt.inspect(model, drawn(16, 3, 16, 16)))


class Written(nn.Module):
    """Fixed series beside a layer: cosines with zeros that were computed, a window, a decay."""

    def __init__(self, trained):
        super().__init__()
        k = torch.arange(64, dtype=torch.float64)
        self.waves = nn.Parameter(torch.cos(math.pi / 2 * k[:, None] * k).float(), trained)
        self.window = nn.Parameter(torch.exp(-torch.linspace(-9, 9, 64).square()), trained)
        self.decay = nn.Parameter(torch.exp(-torch.arange(64.0)), trained)
        self.layer = nn.Linear(64, 5)

    def forward(self, x):
        return self.layer(x @ self.waves / 8) + self.decay.sum() + self.window.sum()


@pytest.mark.parametrize("trained", [False, True])
def test_series_that_somebody_wrote_are_not_old_memory(trained):
    assert "uninitialized" not in codes(igt.inspect(Written(trained), drawn(64, 64)))


@pytest.mark.parametrize("seed", range(5))
def test_bits_of_old_memory_are_also_where_they_are_frozen(seed):
    model, generator = Written(False), torch.Generator().manual_seed(seed)
    bits = torch.randint(-(2**31), 2**31 - 1, (64, 64), generator=generator).int().view(torch.float32)
    model.waves.data.copy_(torch.where(bits.isfinite(), bits, 0.0))
    assert "uninitialized" in codes(igt.inspect(model, drawn(64, 64)))


def upsampling(copies):
    grow = nn.Conv2d(16, 64, 1)
    with torch.no_grad():
        few = drawn(64 // copies, 16, 1, 1) * (2 / 16) ** 0.5
        grow.weight.copy_(few.repeat_interleave(copies, 0))
        grow.bias.zero_()
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        grow,
        nn.PixelShuffle(2),
        nn.ReLU(),
        nn.Conv2d(16, 3, 3, padding=1),
    )


def test_copies_that_are_read_apart_are_no_symmetry():
    torch.manual_seed(0)
    target = drawn(8, 3, 16, 16, seed=1)
    loss = lambda o: F.mse_loss(o, target)  # noqa: E731
    assert igt.inspect(upsampling(4), drawn(8, 3, 8, 8), loss).verdict == "healthy"
    assert "symmetric-units" in codes(igt.inspect(upsampling(64), drawn(8, 3, 8, 8), loss))


class Coupled(nn.Module):
    """Affine couplings that return the log density of many numbers."""

    def __init__(self, size=256, depth=6):
        super().__init__()
        half = size // 2
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(half, 64), nn.ReLU(), nn.Linear(64, 2 * half)) for _ in range(depth)
        )
        for layer in self.layers:
            nn.init.normal_(layer[2].weight, std=0.02)

    def forward(self, x):
        (a, b), volume = x.chunk(2, 1), 0
        for layer in self.layers:
            shift, scale = layer(a).chunk(2, 1)
            a, b, volume = b * scale.exp() + shift, a, volume + scale.sum(1)
        return volume - 0.5 * (a.square() + b.square() + math.log(2 * math.pi)).sum(1)


def test_a_sum_over_all_numbers_is_no_layer():
    torch.manual_seed(0)
    assert igt.inspect(Coupled(), drawn(64, 256), lambda o: -o.mean()).verdict == "healthy"


class Shallow(nn.Module):
    """Most of what was built is not used at this setting."""

    def __init__(self, deep):
        super().__init__()
        self.first, self.head, self.depth = nn.Linear(8, 16), nn.Linear(16, 3), 0
        self.deep = nn.ModuleList(nn.Linear(deep, deep) for _ in range(2))

    def forward(self, x):
        x = self.first(x).relu()
        for layer in self.deep[: self.depth]:
            x = layer(x)
        return self.head(x)


@pytest.mark.parametrize(("deep", "severity"), [(4, "info"), (64, "warning")])
def test_a_branch_not_taken_that_is_most_of_the_model_is_more_than_a_note(deep, severity):
    finding = next(
        f for f in igt.inspect(Shallow(deep), drawn(32, 8)).findings if f.code == "unused-parameter"
    )
    assert finding.severity == severity


class Rendered(nn.Module):
    """Densities composited in front of a white background, behind a plain network."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(32 if k else 3, 32) for k in range(8))
        self.density = nn.Linear(32, 1)

    def forward(self, points):
        for layer in self.layers:
            points = torch.relu(layer(points))
        opacity = 1 - torch.exp(-0.02 * F.softplus(self.density(points) - 1)).squeeze(-1)
        return 1 - (opacity * 0.5).sum(1, keepdim=True)


def test_an_offset_is_no_influence():
    torch.manual_seed(0)
    target = torch.rand(64, 1, generator=torch.Generator().manual_seed(0))
    points = torch.rand(64, 16, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1
    report = igt.inspect(Rendered(), points, lambda o: F.mse_loss(o, target))
    assert "vanishing-backward" not in codes(report), str(report)


def test_a_background_that_all_pictures_share_is_no_collapse():
    """Only a patch in the middle differs: a first layer's places mostly lie beside it, the pooled end sees it."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(), nn.Conv2d(64, 64, 3, 2), nn.ReLU(), nn.Conv2d(64, 10, 3)]
    for layer in layers[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x = torch.full((16, 3, 64, 64), -1.0)
    x[:, :, 26:38, 26:38] = torch.randn(16, 3, 12, 12)
    assert "rank-collapse" not in {finding.code for finding in igt.inspect(model, x).findings}


def test_samples_and_positions_that_changed_places_are_not_compared():
    class PerFeature(nn.Module):
        """As many features as samples; each has a matrix of its own, with the features put first for it."""

        def __init__(self):
            super().__init__()
            self.frequencies = nn.Parameter(0.01 * torch.randn(64, 48))
            self.weights = nn.Parameter(torch.randn(64, 96, 8) / 96**0.5)

        def forward(self, x):
            angle = 6.283 * x[..., None] * self.frequencies
            made = torch.cat([angle.cos(), angle.sin()], -1).transpose(0, 1) @ self.weights
            return torch.relu(made.transpose(0, 1))

    torch.manual_seed(1)
    x = torch.randn(64, 64)
    x[:, 0] = -0.8
    model = nn.Sequential(PerFeature(), nn.Flatten(), nn.Linear(64 * 8, 10))
    assert igt.inspect(model, x).verdict == "healthy"


class Noisy(nn.Module):
    """A layer with noise of a variance of its own for each weight, all of them alike at the start."""

    def __init__(self, inputs, outputs) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * (2 / inputs) ** 0.5)
        self.log_sigma = nn.Parameter(torch.full((outputs, inputs), -5.0))

    def forward(self, x):
        variance = x.square() @ torch.exp(2 * self.log_sigma).T + 1e-8
        return F.linear(x, self.weight) + torch.randn(len(x), len(self.weight)) * variance.sqrt()


def test_scales_of_noise_may_be_one_number():
    """What they scale tells the units apart; a layer of one number is worth one unit still."""
    torch.manual_seed(0)
    x, target = torch.randn(64, 16), torch.arange(64) % 5
    model = nn.Sequential(Noisy(16, 48), nn.ReLU(), Noisy(48, 48), nn.ReLU(), Noisy(48, 5))
    assert not igt.inspect(model, x, lambda o: F.cross_entropy(o, target)).findings
    model = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 5))
    nn.init.constant_(model[0].weight, 0.1)
    codes = {one.code for one in igt.inspect(model, x, lambda o: F.cross_entropy(o, target)).findings}
    assert "symmetric-units" in codes
