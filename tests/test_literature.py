"""The schemes for one kind of network each, against their papers, their property, or their authors' code.

Elementwise laws are held against scipy and the published formula written out once more; the others
against what they are for (an isometry, a time scale, a product of two weights), or against transformers
and peft.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.linalg import hadamard
from torch import nn

import isogain as ig
import isogain.torch as igt
from conformance import check_ratio, check_sample
from isogain.core.names.literature.transformers import deepnorm_constants
from isogain.errors import InitializerError, InspectError
from published_laws import CONSTANT, literature

OUT, IN = 520, 400
"""208,000 draws: enough to tell 1 % of a normal law's standard deviation at 5 standard errors."""

ELEMENTWISE = literature(IN, OUT)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_elementwise_row_follows_its_published_law(name):
    parameters, expected = ELEMENTWISE[name]
    initializer = ig.get(name.split()[0], **parameters)
    law = initializer.law((OUT, IN), layout="out in")
    assert law.std == pytest.approx(float(expected.law.std()), rel=1e-9)
    check_sample(ig.draw(initializer, (OUT, IN), layout="out in", seed=3, path=name), expected)


@pytest.mark.parametrize("name", ["gpt2 branch", "siren first", "olmo_mitchell branch", "deepnorm"])
def test_a_constant_wrong_by_one_percent_is_caught(name):
    parameters, expected = ELEMENTWISE[name]
    values = ig.draw(ig.get(name.split()[0], **parameters), (OUT, IN), layout="out in", seed=3)
    with pytest.raises(AssertionError):
        check_sample(values * 1.01, expected)


@pytest.mark.parametrize("name", CONSTANT)
def test_a_constant_row_has_its_published_value(name):
    parameters, value = CONSTANT[name]
    drawn = ig.draw(ig.get(name.split()[0], **parameters), (6, 4), layout="out in")
    assert np.all(drawn == np.float32(value))


def test_spectral_where_a_layer_narrows():
    w = ig.draw("spectral", (500, 2000), layout="out in", seed=1)
    assert w.std() == pytest.approx(math.sqrt(500 / 2000) / math.sqrt(2000), rel=0.005)


def test_the_spectral_norm_of_spectral_weights_is_of_one_order_at_every_width():
    """Gaussian (out, in): norm -> std (sqrt(out) + sqrt(in)); over sqrt(out / in) that lies in [1, 2]."""
    for out, inputs in [(64, 512), (512, 64), (512, 512)]:
        norm = np.linalg.norm(ig.draw("spectral", (out, inputs), layout="out in"), 2)
        wide, narrow = max(out, inputs), min(out, inputs)
        assert norm / math.sqrt(out / inputs) == pytest.approx(1 + math.sqrt(narrow / wide), rel=0.1)


def test_deepnorm_constants_are_those_of_the_papers_table():
    assert deepnorm_constants(decoders=100) == {"decoder": (200**0.25, 800**-0.25)}
    both = deepnorm_constants(100, 100)
    assert both["encoder"] == pytest.approx((0.81 * (100**5) ** (1 / 16), 0.87 / (100**5) ** (1 / 16)))
    assert both["decoder"] == pytest.approx((300**0.25, 1200**-0.25))


@pytest.mark.parametrize("prior", [0.01, 0.3])
def test_focal_prior_starts_at_its_probability(prior):
    bias = ig.draw(ig.get("focal_prior", prior=prior), (9,), layout="out", dtype="float64")
    assert 1 / (1 + np.exp(-bias)) == pytest.approx(np.full(9, prior))


# --- isometries -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [(3,), (2,), (3, 3), (5, 3), (3, 3, 3)])
@pytest.mark.parametrize("channels", [(6, 10), (10, 6), (7, 7)])
def test_convolution_orthogonal_keeps_every_frequency(kernel, channels):
    """The singular values of a circular convolution are those of its Fourier matrices (Sedghi et al. 2019)."""
    inputs, outputs = channels
    w = ig.draw(
        ig.get("convolution_orthogonal", gain=1.3),
        (outputs, inputs, *kernel),
        layout="out in *",
        seed=1,
        dtype="float64",
    )
    spectrum = np.fft.fftn(w, (8,) * len(kernel), axes=tuple(range(2, w.ndim)))
    matrices = np.moveaxis(spectrum, (0, 1), (-2, -1)).reshape(-1, outputs, inputs)
    assert np.abs(np.linalg.svd(matrices, compute_uv=False) - 1.3).max() < 1e-12
    energy = np.square(w).sum((0, 1))
    assert energy.min() > 1e-9 * energy.max()  # every tap is in use
    law = ig.get("convolution_orthogonal", gain=1.3).law(w.shape, layout="out in *")
    assert law.std == pytest.approx(np.sqrt(np.mean(w**2)), rel=1e-12)


def test_convolution_orthogonal_through_torchs_layer():
    layer = nn.Conv2d(5, 12, 3, padding=1, padding_mode="circular", bias=False).double()
    igt.fill_(layer.weight, "convolution_orthogonal", seed=3)
    x = torch.randn(2, 5, 9, 7, dtype=torch.float64)
    assert torch.allclose(layer(x).square().sum(), x.square().sum(), rtol=1e-12)
    with pytest.raises(InitializerError, match="one to three axes"):
        ig.draw("convolution_orthogonal", (4, 4))


@pytest.mark.parametrize("sizes", [(48, 96), (96, 48), (64, 64)])
def test_scaled_orthogonal_keeps_the_mean_square_where_a_layer_widens(sizes):
    inputs, outputs = sizes
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="circular", bias=False).double()
    igt.fill_(layer.weight, "scaled_uniform_orthogonal", seed=3)
    x = torch.randn(4, inputs, 20, 20, dtype=torch.float64)
    ratio = float((layer(x).square().mean() / x.square().mean()).detach())
    assert ratio == pytest.approx(1.0, rel=1e-9 if outputs >= inputs else 0.05)


@pytest.mark.parametrize("shape", [(8, 8), (5, 9), (9, 5), (32, 7), (3, 1)])
def test_zero_is_identity_or_hadamard(shape):
    rows, columns = shape
    order = 2 ** math.ceil(math.log2(rows))
    wanted = np.eye(*shape) if rows <= columns else hadamard(order)[:rows, :columns] / math.sqrt(order)
    drawn = ig.draw("zero_hadamard", shape, layout="out in", dtype="float64")
    assert np.allclose(drawn, wanted, atol=1e-15)
    law = ig.get("zero_hadamard").law(shape, layout="out in")
    assert law.std == pytest.approx(np.sqrt(np.mean(wanted**2)))
    paper = ig.draw(ig.ZerO("paper"), shape, layout="out in", dtype="float64")
    assert np.allclose(paper, wanted if rows <= columns else wanted * math.sqrt(2), atol=1e-15)


def test_zero_kernels_sit_at_the_centre():
    w = ig.draw("zero_hadamard", (4, 4, 3, 3), layout="out in *")
    assert np.array_equal(w, nn.init.dirac_(torch.empty(4, 4, 3, 3)).numpy())


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9)])
def test_idinit_repeats_the_identity_where_a_matrix_is_not_square(shape):
    w = ig.draw("idinit", shape, layout="out in")
    wanted = np.tile(np.eye(min(shape)), (3, 3))[: shape[0], : shape[1]]
    assert np.array_equal(w, wanted)
    assert (w.sum(0) > 0).all() and (w.sum(1) > 0).all()  # noqa: PT018  no unit is cut off
    assert np.array_equal(
        ig.draw(ig.get("idinit", role="branch_end"), shape, layout="out in"), np.float32(1e-6) * wanted
    )
    loosened = ig.draw(ig.get("idinit", noise=0.1), (300, 300), layout="out in") - np.eye(300)
    assert loosened.std() == pytest.approx(0.1, rel=0.02)


def test_siren_feeds_every_sine_a_standard_normal():
    """Sitzmann et al., theorem 1.8: 30 W x ~ N(0, 1) for x of the arcsine law; a constant off by 1 % shows."""
    x = np.sin(np.random.default_rng(0).uniform(-np.pi / 2, np.pi / 2, (512, 1024)))
    w = ig.draw("siren", (1000, 1024), layout="out in", seed=0, dtype="float64")
    rows = np.square(30 * x @ w.T).mean(1) / (2 * np.square(x).mean(1))
    check_ratio(rows)


# --- recurrent networks and state spaces ------------------------------------------------------------


def test_irnn_is_the_identity():
    assert np.array_equal(ig.draw("irnn", (5, 5), layout="out in"), np.eye(5))


def test_chrono_gates_remember_from_2_to_the_horizon():
    """sigma(b_f) = 1 - 1/t for a memory of t steps (Tallec & Ollivier): t = 1 + exp(b_f) is U(2, T)."""
    bias = ig.draw(ig.get("chrono", horizon=300), (4 * 20000,), layout="out", seed=1, dtype="float64")
    entry, forget, cell, out = bias.reshape(4, -1)
    assert np.array_equal(entry, -forget)
    assert not cell.any() and not out.any()  # noqa: PT018
    assert stats.kstest(1 + np.exp(forget), stats.uniform(2, 298).cdf).pvalue > 1e-6
    law = ig.get("chrono", horizon=300).law((80000,), layout="out")
    assert law.std == pytest.approx(np.sqrt(np.mean(bias**2)), rel=0.01)
    gru = ig.draw(ig.get("chrono", horizon=300, gates="rzn"), (30,), layout="out").reshape(3, -1)
    assert (gru[1] > 0).all() and not gru[[0, 2]].any()  # noqa: PT018


def test_hippo_follows_a_signal_as_its_paper_says():
    """c_n(t) = sqrt(2n+1) int_0^1 f(t x) P_n(2x - 1) dx obeys t c' = A c + B f(t); here f = s^3, so t c' = 3c."""
    from scipy.special import eval_legendre

    nodes, weights = np.polynomial.legendre.leggauss(40)
    degree = np.arange(8)
    c = (
        np.sqrt(2 * degree + 1)
        * ((eval_legendre(degree[:, None], nodes) * ((nodes + 1) / 2) ** 3) @ weights)
        / 2
    )
    a = ig.draw("hippo_legs", (8, 8), layout="out in", dtype="float64")
    b = ig.draw(ig.get("hippo_legs", part="B"), (8,), layout="out", dtype="float64")
    assert np.allclose(a @ c + b, 3 * c, atol=1e-12)
    assert np.array_equal(ig.draw("hippo_legs", (8, 8), layout="in out", dtype="float64"), a.T)


def test_diagonal_states():
    def drawn(name, length=16, **form):
        return ig.draw(ig.get(name, **form), (3, length), layout="stack out", dtype="complex128")

    number = np.arange(16)
    assert np.allclose(drawn("s4d_lin"), -0.5 + 1j * np.pi * number)
    assert np.allclose(drawn("s4d_inv"), -0.5 + 1j * 32 / np.pi * (32 / (2 * number + 1) - 1))
    assert np.array_equal(drawn("s4d_real"), np.tile(-(number + 1.0), (3, 1)))
    a = ig.draw("hippo_legs", (32, 32), layout="out in", dtype="float64")
    p = np.sqrt(np.arange(32) + 0.5)
    values = np.linalg.eigvals(a + np.outer(p, p))
    above = np.sort(values[values.imag > 0].imag)
    legs = drawn("s4d_legs")[0]
    assert np.allclose(legs.imag, above, rtol=1e-9)
    assert np.allclose(values.real, -0.5)
    assert np.allclose(legs.real, -0.5)
    inverse = np.sort(drawn("s4d_inv", 64)[0].imag)
    exact = drawn("s4d_legs", 64)[0].imag
    assert inverse[-1] == pytest.approx(exact[-1], rel=0.01)  # what S4D-Inv is fitted to
    with pytest.raises(InitializerError, match="complex64"):
        ig.draw("s4d_lin", (4,))
    assert np.allclose(ig.draw(ig.get("s4d_lin", form="log"), (4,)), math.log(0.5))
    assert np.allclose(ig.draw(ig.get("s4d_lin", form="imaginary"), (4,)), np.pi * np.arange(4))


def test_mamba_steps_and_states_are_those_of_transformers():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.MambaConfig(hidden_size=1024, num_hidden_layers=2, vocab_size=16, state_size=8)
    model = transformers.MambaModel(config)
    theirs = torch.cat([block.mixer.dt_proj.bias for block in model.layers]).detach().numpy()
    ours = ig.draw("mamba_dt", (theirs.size,), layout="out", seed=5)
    assert stats.ks_2samp(theirs, ours).pvalue > 1e-6
    steps = np.log1p(np.exp(ig.draw("mamba_dt", (50000,), layout="out", dtype="float64")))
    law = stats.loguniform(0.001, 0.1)
    assert stats.kstest(steps, law.cdf).pvalue > 1e-6
    assert steps.mean() == pytest.approx(law.mean(), rel=0.03)
    states = model.layers[0].mixer.A_log.detach().numpy()
    assert np.allclose(ig.draw(ig.get("s4d_real", form="log"), states.shape, layout="out in"), states)
    logs = ig.draw(ig.get("mamba_dt", form="log", low=0.01), (50000,), layout="out")
    assert stats.kstest(logs, stats.uniform(math.log(0.01), math.log(10)).cdf).pvalue > 1e-6


# --- transformers -----------------------------------------------------------------------------------


def law_std(name: str, shape, **parameters) -> float:
    return ig.get(name, **parameters).law(tuple(shape), layout="out in").std


def ratio_to(weights, std: float) -> None:
    """Their weights, many tensors of one law, have our std to within 1 %."""
    check_ratio(np.array([float(w.detach().std()) for w in weights]) / std, resolution=0.03)


def test_gpt2_neox_and_bert_as_transformers_draws_them():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(1)
    gpt2 = transformers.GPT2Model(transformers.GPT2Config(n_layer=6, n_embd=96, n_head=2, vocab_size=64))
    ends = [w for name, w in gpt2.named_parameters() if name.endswith("c_proj.weight")]
    ratio_to(ends, law_std("gpt2", (96, 96), role="branch_end", layers=6))
    ratio_to([block.attn.c_attn.weight for block in gpt2.h], law_std("gpt2", (96, 96)))
    from transformers.models.xlstm import modeling_xlstm as xlstm

    empty = torch.empty(96, 96)
    ratio_to(
        [xlstm.small_init_method(96)(empty.clone()) for _ in range(9)],
        law_std("gpt_neox", (96, 96), width=96),
    )
    ratio_to([xlstm.small_init_method(96)(empty.clone()) for _ in range(9)], law_std("small_init", (96, 96)))
    ratio_to(
        [xlstm.wang_init_method(7, 96)(empty.clone()) for _ in range(9)],
        law_std("gpt_neox", (96, 96), role="branch_end", layers=7, width=96),
    )


def test_t5_as_transformers_draws_it():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(2)
    config = transformers.T5Config(
        d_model=96, d_kv=24, d_ff=160, num_layers=5, num_heads=6, vocab_size=400, feed_forward_proj="relu"
    )
    model = transformers.T5EncoderModel(config)
    parts = {
        "SelfAttention.q.weight": {"role": "query", "head_size": 24},
        "SelfAttention.k.weight": {},
        "SelfAttention.v.weight": {},
        "SelfAttention.o.weight": {},
        "wi.weight": {},
        "wo.weight": {},
    }
    for ending, parameters in parts.items():
        theirs = [w for name, w in model.named_parameters() if name.endswith(ending)]
        ratio_to(theirs, law_std("t5", theirs[0].shape, **parameters))
    assert float(model.shared.weight.detach().std()) == pytest.approx(
        law_std("t5", (400, 96), role="embedding"), rel=0.02
    )


def product_of(
    part_one: str, part_two: str, width: int, heads: int, inner: int
) -> tuple[np.ndarray, np.ndarray]:
    shapes = {"output": (width, inner)}
    return tuple(
        ig.draw(
            ig.get("mimetic", part=part, heads=heads), shapes.get(part, (inner, width)),
            layout="out in", seed=4, path="attention", dtype="float64",
        )
        for part in (part_one, part_two)
    )  # fmt: skip


def test_mimetic_products_are_near_the_identity():
    width = 192
    query, key = product_of("query", "key", width, 1, width)
    noise = (query.T @ key - 0.7 * np.eye(width)) / 0.7 * math.sqrt(width)
    assert noise.std() == pytest.approx(1.0, rel=0.02)
    assert abs(np.diag(noise).mean()) < 5 / math.sqrt(width)
    value, output = product_of("value", "output", width, 3, width)
    rest = (value.T @ output.T + 0.4 * np.eye(width)) / 0.4 * math.sqrt(width)  # x W_V W_out
    assert rest.std() == pytest.approx(1.0, rel=0.02)
    assert abs(np.diag(rest).mean()) < 5 / math.sqrt(width)
    assert abs(np.corrcoef(noise.ravel(), rest.ravel())[0, 1]) < 5 / width


def test_mimetic_heads_are_the_best_of_their_rank_and_packed_agrees():
    query, key = product_of("query", "key", 48, 4, 48)
    values = [np.linalg.svd(query[12 * h : 12 * h + 12].T @ key[12 * h : 12 * h + 12])[1] for h in range(4)]
    assert np.abs(np.array(values)[:, 12:]).max() < 1e-12
    assert np.array(values)[:, :12].min() > 0.7  # the largest directions, not any
    packed = ig.draw(
        ig.get("mimetic", part="packed", heads=4),
        (144, 48),
        layout="(3 out) in",
        seed=4,
        path="attention",
        dtype="float64",
    )
    assert np.allclose(packed[:48], query)
    assert np.allclose(packed[48:96], key)
    assert np.allclose(packed[96:], product_of("value", "output", 48, 4, 48)[0])
    with pytest.raises(InitializerError, match="does not fit"):
        ig.draw(ig.get("mimetic", heads=5), (48, 48), layout="out in")


# --- adapters ---------------------------------------------------------------------------------------


def adapted(kind: str, rank: int, alpha: int, weight: torch.Tensor):
    """peft's own A, B and frozen weight for a linear layer."""
    peft = pytest.importorskip("peft")
    layer = nn.Sequential(nn.Linear(weight.shape[1], weight.shape[0], bias=False))
    layer[0].weight.data = weight.clone()
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=["0"], init_lora_weights=kind)
    made = peft.get_peft_model(layer, config).base_model.model[0]
    numbers = (made.lora_A["default"].weight, made.lora_B["default"].weight, made.base_layer.weight)
    return [one.detach().numpy() for one in numbers]


@pytest.mark.parametrize("make", ["pissa", "olora"])
def test_adapters_equal_pefts(make):
    torch.manual_seed(3)
    weight = torch.randn(24, 40)
    ours = getattr(ig, make)(weight.numpy(), rank=6, scaling=12 / 6)
    assert np.allclose(ours.base + 2 * ours.b @ ours.a, weight, atol=1e-5)
    a, b, base = adapted(make, 6, 12, weight)
    assert np.allclose(ours.base, base, atol=1e-5)
    assert np.allclose(ours.b @ ours.a, b @ a, atol=1e-5)
    assert np.allclose(np.linalg.norm(ours.a, axis=1), np.linalg.norm(a, axis=1), atol=1e-5)
    assert np.allclose(np.linalg.norm(ours.b, axis=0), np.linalg.norm(b, axis=0), atol=1e-5)


def test_lora_laws_equal_pefts():
    torch.manual_seed(4)
    weight = torch.zeros(400, 1000)
    a, b, _ = adapted(True, 200, 1, weight)
    bound = ig.get("lora").law((200, 1000), layout="out in").bounds[1]
    assert stats.kstest(a.ravel(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-6
    assert not b.any()
    gaussian, _, _ = adapted("gaussian", 200, 1, weight)
    assert gaussian.std() == pytest.approx(law_std("lora_gaussian", (200, 1000), rank=200), rel=0.01)


def test_adapters_refuse_what_has_no_such_rank():
    with pytest.raises(InitializerError, match="rank must lie between 1 and 3"):
        ig.pissa(np.ones((3, 5)), 4)
    with pytest.raises(InitializerError, match="NaN"):
        ig.olora(np.full((3, 5), np.nan), 1)
    with pytest.raises(InitializerError, match="got the shape"):
        ig.pissa(np.ones(3), 1)


# --- data-dependent ---------------------------------------------------------------------------------


class TestLsuv:
    def network(self):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 16, 3), nn.Tanh(), nn.Conv2d(16, 16, 3, groups=2), nn.ReLU(), nn.Flatten(),
            nn.Linear(16 * 16, 50), nn.ReLU(), nn.Linear(50, 10),
        )  # fmt: skip

    def test_every_layer_gives_unit_variance(self):
        model, x = self.network(), 7 * torch.randn(64, 3, 8, 8)
        found = igt.lsuv_(model, x, seed=1, tolerance=0.01)
        assert found is model
        for layer in (0, 2, 5, 7):
            assert float(model[: layer + 1](x).detach().var()) == pytest.approx(1.0, abs=0.011)
        first = model[0].weight.detach().flatten(1)
        gram = first @ first.T
        assert torch.allclose(gram, gram[0, 0] * torch.eye(16), atol=1e-5)  # orthogonal but for its scale
        assert not model[5].bias.any()

    def test_the_same_seed_gives_the_same_start(self):
        x = torch.randn(16, 3, 8, 8)
        one, two = igt.lsuv_(self.network(), x, seed=1), igt.lsuv_(self.network(), x, seed=1)
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))

    def test_state_is_as_it_was(self):
        model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))
        model.train()
        x, before = torch.randn(32, 8), model[1].running_mean.clone()
        state = torch.get_rng_state()
        igt.lsuv_(model, x, seed=1)
        assert model.training and model[2].training  # noqa: PT018
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(model[1].running_mean, before)
        assert not model[0]._forward_hooks

    def test_a_dead_layer_is_named_and_nothing_written(self):
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        before = model[0].weight.clone()
        with pytest.raises(InspectError, match="'0'"):
            igt.lsuv_(model, torch.zeros(8, 4), seed=1)
        assert torch.equal(model[0].weight, before)

    def test_a_model_without_weights_says_so(self):
        with pytest.raises(InitializerError, match="no linear or convolutional layer"):
            igt.lsuv_(nn.ReLU(), torch.zeros(8, 4), seed=1)
