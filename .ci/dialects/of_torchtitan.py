"""torchtitan's Llama 3: its debug model, built and started by its own code."""

import torch
from torchtitan.models.llama3 import llama3_configs

torch.manual_seed(0)
LAST = 5


def samples():
    model = llama3_configs["debugmodel"](attn_backend="flex").build()
    model.init_states()
    held = {path: tensor.detach() for path, tensor in model.named_parameters()}
    block = f"layers.{LAST}."
    for role, path in (
        ("embedding", "tok_embeddings.weight"),
        ("weight", block + "attention.qkv_linear.wqkv.weight"),
        ("weight", block + "feed_forward.w1.weight"),
        ("branch_end", block + "feed_forward.w2.weight"),
        ("branch_end", block + "feed_forward.w3.weight"),
        ("output", "lm_head.weight"),
    ):
        told = {"branch_end": {"layer": LAST}, "output": {"width": held[path].shape[1]}}.get(role, {})
        yield "torchtitan.Llama3", {"role": role, **told}, held[path]
