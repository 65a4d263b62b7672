"""Fixes mend: the line a finding gives, run on the model, makes the finding go away."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import isogain.torch as igt  # noqa: E402
from corpus import broken, broken_closer, broken_kinds  # noqa: E402, F401
from corpus.cases import BROKEN  # noqa: E402
from isogain.inspect import CODES  # noqa: E402

MENDED = {
    "torch_default_deep_relu": ("vanishing-backward", "rank-collapse", "constant-output"),
    "xavier_deep_relu": ("vanishing-backward", "vanishing-forward"),
    "lecun_deep_relu_no_bias": ("vanishing-forward", "vanishing-backward"),
    "sigmoid_stack": ("vanishing-backward", "rank-collapse"),
    "small_random_tanh": ("vanishing-backward", "rank-collapse"),
    "gaussian_001_vgg": ("vanishing-forward", "vanishing-backward"),
    "large_random_tanh": ("saturated-units",),
    "standard_normal_relu": ("exploding-backward", "exploding-forward"),
    "chaotic_tanh": ("exploding-backward",),
    "gain_two": ("exploding-forward",),
    "all_zeros": ("symmetric-units",),
    "all_constant": ("symmetric-units",),
    "ones_convolutions": ("symmetric-units",),
    "cloned_encoder": ("identical-layers",),
    "same_seed_everywhere": ("identical-layers",),
    "negative_biases": ("dead-units",),
    "loud_head": ("initial-loss",),
    "forgotten_layer": ("unused-parameter",),
    "nan_weight": ("non-finite",),
    "old_memory": ("uninitialized",),
    "dcgan_loop_without_mean": ("vanishing-forward",),
    "residual_without_norm": ("exploding-forward",),
    "ordered_phase": ("rank-collapse", "constant-output"),
    "on_meta": ("uninitialized",),
    "transposed_fans": ("exploding-forward",),
    "oversmoothed": ("vanishing-forward", "vanishing-backward"),
    "loud_hyper": ("exploding-forward", "exploding-backward"),
    "loud_complex": ("exploding-forward", "exploding-backward"),
    "shifted_norms": ("dead-units",),
    "small_weight_norm": ("vanishing-backward", "rank-collapse"),
    "half_close": ("dtype-headroom",),
    "copied_experts": ("identical-layers",),
    "small_inception": ("vanishing-forward",),
    "quiet_layer_6_1e-05": ("off-peers",),
    "odd_expert_0.001": ("off-peers",),
    "loud_written_attention_4": ("attention-collapse",),
    "loud_module_attention_4": ("attention-collapse",),
    "siren_first_2_30": ("time-scale",),
    "siren_hidden_1": ("time-scale",),
    "adapter_beside_0.3": ("adapter-not-neutral",),
    "loud_gru_6_1": ("saturated-units",),
    "stack_of_copies_6": ("identical-layers",),
    "lora_both_zero_within": ("symmetric-units",),
    "depthwise_ungrouped": ("off-peers",),
    "float64_buffer": ("dtype-headroom",),
}


@pytest.mark.parametrize("name", sorted(MENDED))
def test_the_first_fix_mends(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model, inputs, loss = BROKEN[name].build(5)
        before = igt.inspect(model, inputs, loss)
        finding = next(f for f in before.findings if f.code in MENDED[name])
        assert finding.fix
        with torch.no_grad():
            exec(finding.fix, {"model": model, "torch": torch, "igt": igt, "inputs": inputs})
        if "bfloat16" in finding.fix:
            inputs = inputs.bfloat16()  # as the finding says
        after = igt.inspect(model, inputs, loss)
    assert finding.code not in {f.code for f in after.findings if f.severity != "info"}, str(after)


def test_every_code_that_a_line_can_mend_is_among_them():
    # a loss that is not finite or that a function shuts in, norms in a row and a router need more than a line
    assert {code for codes in MENDED.values() for code in codes} == set(CODES) - {
        "idle-slices",
        "loss-floor",
        "rate-too-high",
    }


def test_the_fix_for_unscaled_targets_is_about_the_targets():
    model, inputs, loss = BROKEN["unscaled_targets"].build(0)
    finding = next(f for f in igt.inspect(model, inputs, loss).findings if f.code == "initial-loss")
    assert finding.fix.startswith("loss = (lambda loss: lambda output: loss(output * ")
    assert "standardise the targets" in finding.why
