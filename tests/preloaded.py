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

isogain.torch.inspect, isogain.torch.init_, isogain.torch.Monitor, isogain.torch.deferred
torch.set_num_threads(1)
