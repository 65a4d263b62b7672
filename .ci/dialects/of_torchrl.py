"""TorchRL's NoisyLinear."""

import torch
from torchrl.modules import NoisyLinear

torch.manual_seed(0)


def samples():
    layer = NoisyLinear(1000, 640)
    yield "torchrl.NoisyLinear.weight_mu", {}, layer.weight_mu.detach()
    yield "torchrl.NoisyLinear.weight_sigma", {"in_features": 1000}, layer.weight_sigma.detach()
    yield "torchrl.NoisyLinear.bias_sigma", {"out_features": 640}, layer.bias_sigma.detach()
    yield "torchrl.NoisyLinear.bias_mu", {"in_features": 4}, NoisyLinear(4, 200_000).bias_mu.detach()
    yield (
        "torchrl.NoisyLinear.weight_sigma",
        {"in_features": 64, "std_init": 0.2},
        NoisyLinear(64, 32, std_init=0.2).weight_sigma.detach(),
    )


def counts():
    layer = NoisyLinear(7, 5, bias=False)
    with torch.no_grad():
        layer.weight_mu.fill_(1.0)
        layer.weight_sigma.zero_()
        inputs, outputs = layer(torch.ones(1, 7))[0, 0].item(), layer(torch.eye(7)[:1]).sum().item()
    yield "torchrl.NoisyLinear.weight_mu", (5, 7), {}, inputs, outputs
