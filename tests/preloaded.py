"""What the processes of the sharded tests need before they begin; imported once for all (`many_processes`).

Beside the modules themselves this is what torch loads at the first step of an optimizer, the first shard, ...
"""

import torch
import torch._dynamo
import torch.distributed._functional_collectives
import torch.distributed.fsdp
import torch.distributed.pipelining
import torch.distributed.tensor.parallel
import torch.testing

import isogain.torch

for name in ("inspect", "init_", "Monitor", "deferred", "materialize_"):
    getattr(isogain.torch, name)
torch.set_num_threads(1)
