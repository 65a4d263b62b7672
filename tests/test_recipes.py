"""Recipes of whole architectures, against the models' own code, the papers' tables, and what they promise."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import nn
from torch.nn import functional

import isogain as ig
import isogain.torch as igt
from isogain.errors import InspectError
from isogain.graph.entry import PlanError
from isogain.graph.plan import Plan
from isogain.inspect.coordinates import CoordinateCheck, Movement

transformers = pytest.importorskip("transformers")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def tokens(*shape: int) -> torch.Tensor:
    return torch.randint(0, 60, shape)


def spread(entry) -> float:
    """The standard deviation the plan gives a parameter."""
    law = entry.initializer.law(
        entry.shape,
        layout=entry.layout,
        groups=entry.groups,
        stride=entry.stride,
        transposed=entry.transposed,
    )
    return law.std


def assert_drawn_alike(model: nn.Module, plan: Plan, skip: str = "$^", times: float = 1.0) -> int:
    """Every weight of the model, as its own code drew it, has the plan's standard deviation (5 s.e.)."""
    compared = 0
    for path, parameter in model.named_parameters():
        if parameter.dim() < 2 or path not in plan or re.search(skip, path):
            continue
        expected = times * float(parameter.detach().std())
        tolerance = 5 / math.sqrt(2 * parameter.numel())
        assert spread(plan[path]) == pytest.approx(expected, rel=tolerance), path
        compared += 1
    return compared


class TestAgainstTransformers:
    def test_gpt2(self):
        config = transformers.GPT2Config(
            n_layer=4, n_embd=64, n_head=2, vocab_size=60, n_positions=16, bos_token_id=1, eos_token_id=1
        )
        model = transformers.GPT2LMHeadModel(config)
        plan = igt.plan(model, {"input_ids": tokens(2, 8)}, recipe="gpt2")
        assert assert_drawn_alike(model, plan, "wpe") == 17
        assert spread(plan["transformer.wpe.weight"]) == 0.01  # OpenAI's code; Hugging Face takes .02
        megatron = igt.plan(model, {"input_ids": tokens(2, 8)}, recipe="megatron")
        assert assert_drawn_alike(model, megatron) == 18

    def test_the_check_can_fail(self):
        config = transformers.GPT2Config(
            n_layer=2, n_embd=64, n_head=2, vocab_size=60, n_positions=16, bos_token_id=1, eos_token_id=1
        )
        model = transformers.GPT2LMHeadModel(config)
        plan = igt.plan(model, {"input_ids": tokens(2, 8)}, recipe="gpt2")
        with torch.no_grad():
            model.transformer.h[1].mlp.c_proj.weight.mul_(
                math.sqrt(2)
            )  # 1 / sqrt(N) in place of 1 / sqrt(2N)
        with pytest.raises(AssertionError, match="c_proj"):
            assert_drawn_alike(model, plan, "wpe")

    @pytest.mark.parametrize("forward", ["relu", "gated-gelu"])
    def test_t5(self, forward):
        config = transformers.T5Config(
            d_model=64, d_kv=24, d_ff=96, num_layers=2, num_heads=3, vocab_size=60, feed_forward_proj=forward
        )
        model = transformers.T5ForConditionalGeneration(config)
        plan = igt.plan(model, {"input_ids": tokens(2, 8), "decoder_input_ids": tokens(2, 6)}, recipe="t5")
        assert assert_drawn_alike(model, plan) >= 30

    def test_bert(self):
        config = transformers.BertConfig(
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=96,
            vocab_size=60,
            max_position_embeddings=16,
        )
        model = transformers.BertModel(config)
        plan = igt.plan(model, {"input_ids": tokens(2, 8)}, recipe="bert")
        cut = 0.87962566103423978  # Google's normal is truncated at two sigma, Hugging Face's is not
        assert assert_drawn_alike(model, plan, "word_embeddings", cut) == 15  # (whose padding row is zero)
        assert plan["embeddings.word_embeddings.weight"].initializer == ig.get("bert")

    def test_vit(self):
        config = transformers.ViTConfig(
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=96,
            image_size=16,
            patch_size=4,
        )
        model = transformers.ViTForImageClassification(config)
        plan = igt.plan(model, {"pixel_values": torch.randn(2, 3, 16, 16)}, recipe="vit")
        assert assert_drawn_alike(model, plan, "cls_token|classifier") >= 13
        assert spread(plan["vit.embeddings.cls_token"]) == 1e-6
        assert plan["classifier.weight"].initializer == ig.Zeros()

    @pytest.mark.parametrize("parallel", [False, True])
    def test_neox_and_olmo_by_layer(self, parallel):
        config = transformers.GPTNeoXConfig(
            hidden_size=64,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=96,
            vocab_size=60,
            use_parallel_residual=parallel,
        )
        model = transformers.GPTNeoXForCausalLM(config)
        plan = igt.plan(model, {"input_ids": tokens(2, 8)}, recipe="neox")
        ends = [p for p in plan if p.endswith(("attention.dense.weight", "dense_4h_to_h.weight"))]
        assert len(ends) == 6
        assert {spread(plan[p]) for p in ends} == {2 / 3 / math.sqrt(64)}
        others = [p for p in plan if p.endswith("weight") and p not in ends and len(plan[p].shape) == 2]
        assert {round(spread(plan[p]), 12) for p in others} == {round(math.sqrt(2 / 320), 12)}
        mitchell = igt.plan(model, {"input_ids": tokens(2, 8)}, recipe="olmo")
        delivered = 0.98658  # of N(0, 1) given |z| < 3
        for path in ends:
            layer, inputs = int(path.split(".")[2]), mitchell[path].shape[1]
            assert spread(mitchell[path]) == pytest.approx(
                delivered / math.sqrt(2 * inputs * (layer + 1)), rel=1e-4
            )

    def test_deepnorm_and_t_fixup_tell_values_from_queries(self):
        config = transformers.T5Config(
            d_model=64, d_kv=32, d_ff=96, num_layers=3, num_decoder_layers=2, num_heads=2, vocab_size=60
        )
        model = transformers.T5ForConditionalGeneration(config)
        inputs = {"input_ids": tokens(2, 8), "decoder_input_ids": tokens(2, 6)}
        deepnorm = igt.plan(model, inputs, recipe="deepnorm")
        t_fixup = igt.plan(model, inputs, recipe="t-fixup")
        betas = {"encoder": 0.87 * (3**4 * 2) ** (-1 / 16), "decoder": 24**-0.25}
        scales = {"encoder": 0.67 * 3**-0.25, "decoder": 18**-0.25}
        for path, entry in deepnorm.items():
            if not path.endswith(("q.weight", "k.weight", "v.weight", "o.weight", "wi.weight", "wo.weight")):
                continue
            xavier = math.sqrt(2 / sum(entry.shape))
            side = path.split(".")[0]
            inner = path.endswith(("q.weight", "k.weight"))
            assert spread(entry) == pytest.approx(xavier * (1 if inner else betas[side])), path
            assert spread(t_fixup[path]) == pytest.approx(xavier * (1 if inner else scales[side])), path
        assert "encoder 1.113, decoder 1.565" in " ".join(deepnorm.notes)
        assert pytest.approx(1.113, abs=5e-4) == 0.81 * (3**4 * 2) ** (1 / 16)
        assert "layer norm" in " ".join(t_fixup.notes)


# --- residual networks ------------------------------------------------------------------------------


class Scaled(nn.Module):
    """Convolutional blocks with a scalar (or one factor for each channel) on every branch, no norms."""

    def __init__(self, blocks: int, channels: int = 8, factors: int = 1) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.first = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(blocks))
        self.second = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(blocks))
        self.scales = nn.ParameterList(nn.Parameter(torch.full((factors, 1, 1), 0.3)) for _ in range(blocks))
        self.head = nn.Linear(channels, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for first, second, scale in zip(self.first, self.second, self.scales, strict=True):
            x = x + scale * second(functional.relu(first(functional.relu(x))))
        return self.head(x.mean((2, 3)))


IMAGES = torch.randn(4, 3, 8, 8)


def test_fixup_closes_the_branches_and_shrinks_what_lies_before():
    plan = igt.plan(Scaled(9), IMAGES, recipe="fixup")
    assert spread(plan["first.4.weight"]) == pytest.approx(math.sqrt(2 / 72) * 9 ** (-1 / 2))
    assert plan["second.4.weight"].initializer == ig.Zeros()
    assert plan["head.weight"].initializer == ig.Zeros()
    assert plan["scales.3"].initializer == ig.Ones()
    assert spread(plan["stem.weight"]) == pytest.approx(math.sqrt(2 / 27))
    model = Scaled(9)
    igt.apply_(model, plan, seed=1)
    assert not model(IMAGES).any()


@pytest.mark.parametrize(
    ("recipe", "factors", "value"), [("skipinit", 1, 0.0), ("rezero", 1, 0.0), ("layerscale", 8, 0.1)]
)
def test_the_factor_on_a_branch_is_found(recipe, factors, value):
    model = Scaled(9, factors=factors)
    igt.apply_(model, igt.plan(model, IMAGES, recipe=recipe), seed=1)
    assert all(torch.equal(scale, torch.full_like(scale, value)) for scale in model.scales)
    assert float(model.first[0].weight.detach().std()) == pytest.approx(math.sqrt(2 / 72), rel=0.15)
    deep = igt.plan(Scaled(25, factors=8), IMAGES, recipe="layerscale")
    assert deep["scales.3"].initializer == ig.Constant(1e-6)


def test_zero_gamma_is_the_norm_that_ends_a_branch():
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
            self.n1, self.n2 = nn.BatchNorm2d(8), nn.BatchNorm2d(8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.n2(self.two(functional.relu(self.n1(self.one(x)))))

    model = nn.Sequential(nn.Conv2d(3, 8, 1), *(Block() for _ in range(3)), nn.Flatten(), nn.Linear(512, 5))
    igt.apply_(model, igt.plan(model, IMAGES, recipe="zero-gamma"), seed=0)
    for block in model[1:4]:
        assert not block.n2.weight.any()
        assert block.n1.weight.all()


# --- widths -----------------------------------------------------------------------------------------


class Net(nn.Module):
    """A small transformer over 60 tokens."""

    def __init__(self, width: int, blocks: int = 2) -> None:
        super().__init__()
        self.table = nn.Embedding(60, width)
        self.blocks = nn.ModuleList(
            nn.ModuleDict({
                "norm": nn.LayerNorm(width), "attention": nn.MultiheadAttention(width, width // 16, batch_first=True),
                "between": nn.LayerNorm(width), "wide": nn.Linear(width, 4 * width), "narrow": nn.Linear(4 * width, width),
            })
            for _ in range(blocks)
        )  # fmt: skip
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 60)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        x = self.table(text)
        for block in self.blocks:
            normed = block["norm"](x)
            x = x + block["attention"](normed, normed, normed, need_weights=False)[0]
            x = x + block["narrow"](functional.gelu(block["wide"](block["between"](x))))
        return self.head(self.norm(x))


TEXT = torch.randint(0, 60, (4, 8), generator=torch.Generator().manual_seed(1))


def rates(plan: Plan, model: nn.Module, optimizer, lr: float = 1.0) -> dict[str, float]:
    """Path -> learning rate, through the groups a torch optimizer would get."""
    names = {id(parameter): path for path, parameter in model.named_parameters()}
    groups = plan.param_groups(lr, optimizer)
    found = {names[id(one)]: group["lr"] for group in groups for one in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(found)
    return found


def test_mup_is_the_papers_table():
    """Yang et al. 2022, table 3, four times as wide as the base: by role, for Adam and SGD."""
    model = Net(64)
    plan = igt.plan(model, TEXT, recipe="mup", base=Net(16))
    adam, sgd = rates(plan, model, "AdamW"), rates(plan, model, torch.optim.SGD)
    hidden = [
        "blocks.1.attention.in_proj_weight",
        "blocks.0.attention.out_proj.weight",
        "blocks.1.wide.weight",
        "blocks.0.narrow.weight",
    ]
    vectors = [
        "table.weight",
        "blocks.0.wide.bias",
        "blocks.0.norm.weight",
        "norm.bias",
        "blocks.1.attention.in_proj_bias",
    ]
    assert {adam[path] for path in hidden} == {1 / 4}
    assert {sgd[path] for path in hidden} == {1.0}
    assert {adam[path] for path in vectors} == {1.0}
    assert {sgd[path] for path in vectors} == {4.0}
    assert (adam["head.weight"], sgd["head.weight"]) == (1 / 4, 1 / 4)
    assert (adam["head.bias"], sgd["head.bias"]) == (1.0, 1.0)
    assert set(adam) == {path for path, _ in model.named_parameters()}
    small = igt.plan(Net(16), TEXT, recipe="mup", base=Net(16))
    assert spread(plan["head.weight"]) == pytest.approx(spread(small["head.weight"]) / 4)
    assert spread(plan["blocks.0.wide.weight"]) == pytest.approx(spread(small["blocks.0.wide.weight"]) / 2)
    assert spread(plan["table.weight"]) == spread(small["table.weight"])


def test_the_base_is_a_width_or_a_model_or_the_plain_table():
    model = Net(64)
    by_model, by_width = (igt.plan(model, TEXT, recipe="mup", base=base) for base in (Net(16), 16))
    assert [entry.rates for entry in by_model.values()] == [entry.rates for entry in by_width.values()]
    assert by_model.hash == by_width.hash
    itself = igt.plan(model, TEXT, recipe="mup", base=Net(64))
    assert {factor for entry in itself.values() for _, factor in entry.rates} == {1.0}
    table = igt.plan(model, TEXT, recipe="mup")
    assert dict(table["blocks.0.wide.weight"].rates)["adam"] == pytest.approx(1 / 64)
    assert "base=1" in table.notes[0]
    meta = igt.plan(model, TEXT, recipe="mup", base=Net(16).to("meta"))
    assert meta.hash == by_model.hash


class Recurrent(nn.Module):
    """An LSTM over raw features or over an embedding."""

    def __init__(self, width: int, embedded: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(60, width) if embedded else nn.Identity()
        self.cell = nn.LSTM(width if embedded else 5, width, num_layers=2, batch_first=True)
        self.head = nn.Linear(width, 60)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.cell(self.table(x))[0])


@pytest.mark.parametrize("embedded", [False, True])
def test_recurrent_cells_are_hidden_weights(embedded):
    model, inputs = Recurrent(32, embedded), TEXT if embedded else torch.randn(4, 6, 5)
    for base in (8, Recurrent(8, embedded)):
        adam = rates(igt.plan(model, inputs, recipe="mup", base=base), model, "adam")
        assert adam["cell.weight_ih_l0"] == (1 / 4 if embedded else 1.0)
        assert {adam[f"cell.weight_{part}"] for part in ("hh_l0", "ih_l1", "hh_l1")} == {1 / 4}
        assert {adam[f"cell.bias_{part}"] for part in ("ih_l0", "hh_l1")} == {1.0}
        assert adam["head.weight"] == 1 / 4


def test_convolutions_and_plain_networks_by_width_or_model():
    def network(n: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, n, 3), nn.BatchNorm2d(n), nn.ReLU(), nn.Conv2d(n, 2 * n, 3, groups=2), nn.ReLU(),
            nn.ConvTranspose2d(2 * n, n, 2, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, 5),
        )  # fmt: skip

    model = network(32)
    for base in (8, network(8)):
        plan = igt.plan(model, torch.randn(2, 3, 10, 10), recipe="mup", base=base)
        adam, sgd = rates(plan, model, "adam"), rates(plan, model, "sgd")
        assert [adam[f"{k}.weight"] for k in (0, 1, 3, 5, 9)] == [1.0, 1.0, 1 / 4, 1 / 4, 1 / 4]
        assert [sgd[f"{k}.weight"] for k in (0, 1, 3, 5, 9)] == [4.0, 4.0, 1.0, 1.0, 1 / 4]


def test_spectral_and_completep():
    model = Net(64, blocks=4)
    spectral = igt.plan(model, TEXT, recipe="spectral", base=16)
    narrow = spectral["blocks.0.narrow.weight"]  # 64 x 256, behind GELU
    assert spread(narrow) == pytest.approx(1.5335304 * math.sqrt(64 / 256) / math.sqrt(256), rel=1e-6)
    assert rates(spectral, model, "adam")["blocks.0.narrow.weight"] == 1 / 4
    completep = igt.plan(model, TEXT, recipe="completep", base=Net(16, blocks=2), base_depth=4)
    adam = rates(completep, model, "adam")
    assert adam["blocks.3.narrow.weight"] == pytest.approx(1 / 4 * 4 / 8)  # eight branches, four in the base
    assert adam["blocks.3.narrow.bias"] == pytest.approx(4 / 8)
    assert adam["blocks.3.wide.weight"] == 1 / 4
    mup = igt.plan(model, TEXT, recipe="mup", base=16)
    gain = 1.5335304
    assert spread(completep["blocks.3.narrow.weight"]) == pytest.approx(
        gain / math.sqrt(256) * 4 / 8, rel=1e-6
    )
    assert spread(completep["blocks.3.wide.weight"]) == spread(mup["blocks.3.wide.weight"])


def gradient_sizes(width: int, blocks: int, recipe: str, **options) -> tuple[dict[str, float], Plan]:
    """Root mean square of each parameter's gradient at the start, over six seeds, and the last plan."""
    squares: dict[str, float] = {}
    for seed in range(6):
        torch.manual_seed(seed)
        model = Net(width, blocks)
        plan = igt.plan(model, TEXT, recipe=recipe, base=Net(32, 2), **options)
        igt.apply_(model, plan, seed=seed)
        functional.cross_entropy(model(TEXT).flatten(0, 1), TEXT.flatten()).backward()
        for path, parameter in model.named_parameters():
            squares[path] = squares.get(path, 0.0) + float(parameter.grad.square().mean()) / 6
    return {path: math.sqrt(square) for path, square in squares.items()}, plan


@pytest.mark.parametrize(
    ("recipe", "options", "blocks"), [("mup", {}, 2), ("completep", {"base_depth": 4}, 6)]
)
def test_epsilon_shrinks_as_the_gradients_do(recipe, options, blocks):
    """Eight times as wide, and three times as deep: 1/8 outside, 1/24 inside branches, 1 at the head."""
    small, _ = gradient_sizes(32, 2, recipe, **options)
    large, plan = gradient_sizes(256, blocks, recipe, **options)
    factors = {path: dict(entry.rates)["eps"] for path, entry in plan.items()}
    inner = 1 / 24 if recipe == "completep" else 1 / 8
    assert factors["head.weight"] == 1
    assert factors["table.weight"] == factors["norm.weight"] == 1 / 8
    for block in range(blocks):
        ends = ("narrow.weight", "narrow.bias", "attention.out_proj.weight", "attention.out_proj.bias")
        for path in (path for path in large if path.startswith(f"blocks.{block}.")):
            expected = 1 / 8 if path.endswith(ends) else inner
            assert factors[path] == pytest.approx(expected, rel=1e-6), path
            before = path.replace(f"blocks.{block}.", f"blocks.{block % 2}.")
            assert 0.6 < large[path] / small[before] / expected < 1.9, path
    for path in ("table.weight", "norm.weight", "norm.bias", "head.weight", "head.bias"):
        assert 0.6 < large[path] / small[path] / factors[path] < 1.6, path


class TestParamGroups:
    def test_an_optimizer_takes_them_and_weight_decay_keeps_its_strength(self):
        model = Net(32)
        plan = igt.plan(model, TEXT, recipe="mup", base=16)
        optimizer = torch.optim.AdamW(plan.param_groups(0.01, torch.optim.AdamW, weight_decay=0.1))
        assert {group["lr"] * group["weight_decay"] for group in optimizer.param_groups} == {0.001}
        functional.cross_entropy(model(TEXT).flatten(0, 1), TEXT.flatten()).backward()
        optimizer.step()

    def test_epsilon_is_given_to_optimizers_that_have_one(self):
        plan = igt.plan(Net(32), TEXT, recipe="mup", base=16)
        model = Net(32)
        for group in plan.param_groups(0.01, "adamw", eps=1e-8, model=model):
            names = {name for name, one in model.named_parameters() if any(one is p for p in group["params"])}
            assert group["eps"] == (1e-8 if names <= {"head.weight", "head.bias"} else 0.5e-8)
        for given in ({"optimizer": "sgd", "eps": 1e-8}, {"optimizer": "adam"}):
            assert not any("eps" in group for group in plan.param_groups(0.1, model=model, **given))
        with pytest.raises(PlanError, match="eps must be"):
            plan.param_groups(0.1, "adam", eps=0, model=model)

    def test_a_recipe_without_rates_gives_one_group_for_any_optimizer(self):
        model = Net(32)
        groups = igt.plan(model, TEXT).param_groups(0.1, "lbfgs")
        assert [group["lr"] for group in groups] == [0.1]
        assert len(groups[0]["params"]) == len(list(model.parameters()))

    def test_frozen_parameters_are_left_out(self):
        model = Net(32)
        model.table.weight.requires_grad_(False)
        plan = igt.plan(model, TEXT, recipe="mup", base=16)
        assert "table.weight" not in rates(plan, model, "adam")

    def test_tensors_are_those_of_the_moment(self):
        with torch.device("meta"):
            model = Net(32)
        plan = igt.plan(model, TEXT, recipe="mup", base=16)
        model.to_empty(device="cpu")
        assert not any(one.is_meta for group in plan.param_groups(0.1, "adam") for one in group["params"])

    def test_a_compiled_model_is_the_same_model(self):
        model = Net(32)
        compiled = torch.compile(model)
        plan = igt.plan(compiled, TEXT, recipe="mup", base=16)
        assert plan.hash == igt.plan(model, TEXT, recipe="mup", base=16).hash
        assert len(rates(plan, model, "adam")) == len(list(model.parameters()))

    def test_json_keeps_the_rates_and_asks_for_the_model(self):
        model = Net(32)
        plan = igt.plan(model, TEXT, recipe="mup", base=16)
        again = Plan.from_json(plan.to_json())
        assert again == plan
        with pytest.raises(PlanError, match="give param_groups model="):
            again.param_groups(0.1, "adam")
        given = again.param_groups(0.1, "adam", model=model)
        assert [(g["lr"], len(g["params"])) for g in given] == [
            (g["lr"], len(g["params"])) for g in plan.param_groups(0.1, "adam")
        ]
        with pytest.raises(PlanError, match="has no parameter"):
            again.param_groups(0.1, "adam", model=nn.Linear(2, 2))

    def test_what_cannot_be_prescribed_is_refused(self):
        model = Net(32)
        plan = igt.plan(model, TEXT, recipe="mup", base=16)
        with pytest.raises(PlanError, match="'lbfgs'"):
            plan.param_groups(0.1, "lbfgs")
        with pytest.raises(PlanError, match="lr must be"):
            plan.param_groups(math.nan, "adam")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recipe": "gpt-2"}, "did you mean 'gpt2'?"),
        ({"recipe": "of our own"}, "there are 'default'"),
        ({"recipe": "gpt2", "base": 3}, "'gpt2' takes no options, not base"),
        ({"recipe": "mup", "bse": 3}, "takes base, not bse"),
        ({"recipe": "mup", "base": 0}, "base must be the width"),
        ({"recipe": "mup", "base": nn.Linear(3, 3)}, "has no counterpart in the base model"),
        ({"recipe": "completep", "base_depth": 0}, "base_depth is the number"),
    ],
)
def test_a_bad_recipe_is_named(arguments, message):
    with pytest.raises(PlanError, match=re.escape(message)):
        igt.plan(Net(32), TEXT, **arguments)


def test_a_recipe_without_its_architecture_says_so():
    plain = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    assert "no residual stream was found" in igt.plan(plain, torch.randn(4, 8), recipe="gpt2").notes[0]
    assert "no residual block was found" in igt.plan(plain, torch.randn(4, 8), recipe="fixup").notes[0]


# --- the coordinate check ---------------------------------------------------------------------------


def text_loss(output: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(output.flatten(0, 1), TEXT.flatten())


class TestCoordinateCheck:
    @pytest.fixture(scope="class")
    def checks(self):
        settings = {"loss": text_loss, "lr": 2**-8, "seeds": (0, 1)}
        return {
            recipe: igt.coordinate_check(Net, widths, TEXT, recipe=recipe, **settings)
            for recipe, widths in (("mup", (64, 128, 256)), ("default", (64, 256)))
        }

    def test_mup_moves_alike_at_every_width_and_the_usual_parametrization_does_not(self, checks):
        spread = dict(checks["mup"].spread)
        head = spread.pop("head")  # whose random start fades with the width
        assert max(spread.values()) < 1.2, str(checks["mup"])
        assert head < 1.4
        assert max(checks["default"].spread.values()) > 2, str(checks["default"])
        assert max(checks["default"].slopes.values()) > 0.5
        assert not checks["default"].flat

    def test_it_prints_draws_and_is_data(self, checks, tmp_path):
        check = checks["mup"]
        assert check.widths == (64, 128, 256)
        assert "blocks.1.narrow" in check.layers
        assert "largest / smallest" in str(check)
        assert check.to_dict()["schema"] == "isogain.coordinates/1"
        pytest.importorskip("altair")
        page = check.to_html(tmp_path / "check.html").read_text(encoding="utf-8")
        assert "Coordinate check" in page

    @pytest.mark.parametrize(
        ("power", "flat"), [(0.0, True), (0.1, True), (0.2, False), (-0.2, False), (0.5, False)]
    )
    def test_slope_and_verdict_of_known_movements(self, power, flat):
        rows = [
            Movement(n, s, t, "fc", 1.0, t * n**power) for n in (64, 256) for s in (0, 1) for t in (0, 1, 2)
        ]
        check = CoordinateCheck(tuple(rows), "by hand", "adam", 0.1, 2)
        assert check.slopes["fc"] == pytest.approx(power)
        assert check.spread["fc"] == pytest.approx(4 ** abs(power))
        assert check.flat is flat

    def test_random_states_are_put_back_and_runs_repeat(self):
        state = torch.get_rng_state()

        def once():
            return igt.coordinate_check(Net, (16, 32), TEXT, loss=text_loss, steps=1, seeds=(3,))

        assert once() == once()
        assert torch.equal(torch.get_rng_state(), state)

    def test_what_cannot_be_compared_is_refused(self):
        with pytest.raises(InspectError, match="two widths"):
            igt.coordinate_check(Net, (32, 32), TEXT)
        with pytest.raises(InspectError, match="one finite number"):
            igt.coordinate_check(Net, (16, 32), TEXT, loss=lambda output: output)

    def test_sgd_too(self):
        check = igt.coordinate_check(
            Net, (32, 128), TEXT, loss=text_loss, optimizer="sgd", lr=0.3, seeds=(0,), steps=2
        )
        assert max(check.spread.values()) < 1.6, str(check)


def test_sharded_models_get_the_same_start_and_their_own_parameters(tmp_path):
    """FSDP2 over one process: the groups hold the sharded parameters, and apply_ the same bits."""
    distributed = pytest.importorskip("torch.distributed")
    fsdp = pytest.importorskip("torch.distributed.fsdp")
    if not distributed.is_gloo_available() or not hasattr(fsdp, "fully_shard"):
        pytest.skip("needs gloo and FSDP2")
    whole, sharded = Net(32), Net(32)
    plan = igt.plan(sharded, TEXT, recipe="mup", base=16)
    igt.apply_(whole, plan, seed=3)
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        fsdp.fully_shard(sharded, mesh=distributed.init_device_mesh("cpu", (1,)))
        igt.apply_(sharded, plan, seed=3)
        groups = plan.param_groups(0.01, "adamw")
        assert all(hasattr(one, "full_tensor") for group in groups for one in group["params"])
        for (path, ours), theirs in zip(whole.named_parameters(), sharded.parameters(), strict=True):
            assert torch.equal(ours, theirs.full_tensor()), path
    finally:
        distributed.destroy_process_group()
