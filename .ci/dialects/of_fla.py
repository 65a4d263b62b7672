"""flash-linear-attention's GatedDeltaNet."""

import _operators  # noqa: F401
import torch
from fla.models import GatedDeltaNetConfig, GatedDeltaNetForCausalLM

torch.manual_seed(0)
PATHS = (
    "model.embeddings.weight",
    "model.layers.0.attn.q_proj.weight",
    "model.layers.0.attn.o_proj.weight",
    "lm_head.weight",
)


def samples():
    config = GatedDeltaNetConfig(
        hidden_size=512, num_hidden_layers=1, num_heads=2, head_dim=256, vocab_size=1000
    )
    held = dict(GatedDeltaNetForCausalLM(config).named_parameters())
    for path in PATHS:
        yield "fla.GatedDeltaNetForCausalLM.weight", {}, held[path].detach()
