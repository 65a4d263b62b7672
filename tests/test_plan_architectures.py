"""Starts of architectures from transformers: they run, are no worse afterwards, and say what they keep."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import isogain.torch as igt  # noqa: E402
from corpus.architectures import ARCHITECTURES  # noqa: E402

ORDER = ("healthy", "warning", "critical")


@pytest.fixture(autouse=True)
def _quiet():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", ["gpt2", "bert", "mt5", "mixtral", "mamba", "vit", "resnet", "gptj"])
def test_no_worse_than_before(name):
    model, inputs = ARCHITECTURES[name]()
    receipt = igt.init_(model, inputs, keep_healthy=False, findings=True)
    assert ORDER.index(receipt.verdict_after) <= ORDER.index(receipt.verdict_before)
    assert receipt.verdict_after == "healthy"
    assert receipt.written
    drawn = sum(entry.shape != () and len(entry.shape) > 1 for entry in receipt.plan.drawn)
    assert drawn >= 5


@pytest.mark.parametrize(
    ("config", "head"), [("LlamaConfig", "LlamaForCausalLM"), ("GemmaConfig", "GemmaForCausalLM")]
)
def test_meta_models_of_transformers_are_planned_without_memory(config, head):
    settings = {
        "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 4, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 32000, "head_dim": 128,
    }  # fmt: skip
    with torch.device("meta"):
        model = getattr(transformers, head)(getattr(transformers, config)(**settings))
    plan = igt.plan(model, {"input_ids": torch.zeros(1, 8, dtype=torch.long)})
    assert all(parameter.is_meta for parameter in model.parameters())
    assert not plan.kept
    key = plan["model.layers.1.self_attn.k_proj.weight"]
    assert (key.fans.fan_in, key.fans.fan_out, key.role) == (4096, 1024, "attention in")
    norm = plan["model.layers.1.input_layernorm.weight"].initializer
    assert type(norm).__name__ == ("Zeros" if config == "GemmaConfig" else "Ones")  # x (1 + w), x w
    down = plan["model.layers.1.mlp.down_proj.weight"]
    assert down.gain < plan["model.layers.1.mlp.up_proj.weight"].gain
