# %% [markdown]
# # From meta to FSDP2
#
# Build a Llama without memory, decide its start once, shard it, draw it where it lives, train, save. One process stands in
# for many: with `torchrun --nproc-per-node 8` the same cells give the same bits.

# %%
import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from transformers import LlamaConfig, LlamaForCausalLM

import isogain.torch as igt

torch.set_num_threads(1)
config = LlamaConfig(
    hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4, vocab_size=200
)

# %% [markdown]
# ## On meta, with its own start recorded

# %%
model = igt.deferred(lambda: LlamaForCausalLM(config))
own = igt.own_plan(model)
print(next(model.parameters()).device, own["model.layers.0.mlp.down_proj.weight"].initializer)

# %% [markdown]
# ## A plan, as text that every process reads

# %%
plan = igt.plan(model, torch.arange(16)[None], recipe="gpt2")
text = plan.to_json()
print(plan["model.layers.0.mlp.down_proj.weight"].initializer)

# %% [markdown]
# ## Shard, then draw

# %%
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
mesh = dist.init_device_mesh("cpu", (dist.get_world_size(),))
for layer in model.model.layers:
    fully_shard(layer, mesh=mesh)
fully_shard(model, mesh=mesh)
igt.materialize_(model, igt.Plan.from_json(text), seed=0)
print(model.model.layers[0].mlp.down_proj.weight.full_tensor().std())

# %% [markdown]
# ## The same bits without sharding

# %%
whole = igt.deferred(lambda: LlamaForCausalLM(config))
igt.materialize_(whole, igt.Plan.from_json(text), seed=0)
parts = {name: tensor.full_tensor() for name, tensor in model.state_dict().items()}
assert all(torch.equal(parts[name], tensor) for name, tensor in whole.state_dict().items())

# %% [markdown]
# ## Train a little and save

# %%
tokens = torch.randint(200, (8, 32), generator=torch.Generator().manual_seed(0))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(4):
    value = model(input_ids=tokens, labels=tokens).loss
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    print(step, round(value.item(), 3))
parts = {name: tensor.full_tensor() for name, tensor in model.state_dict().items()}
torch.save(parts, "model.pt")
dist.destroy_process_group()
