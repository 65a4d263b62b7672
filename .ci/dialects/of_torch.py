"""PyTorch's layers."""

import torch
from torch import nn

torch.manual_seed(0)


def samples():
    yield "torch.nn.Linear.weight", {}, nn.Linear(1000, 640).weight.detach()
    yield "torch.nn.Linear.bias", {"in_features": 4}, nn.Linear(4, 200_000).bias.detach()
    for axes, kernel in ((1, 36), (2, 6), (3, 3)):
        layer = getattr(nn, f"Conv{axes}d")(128, 128, kernel, groups=2)
        yield f"torch.nn.Conv{axes}d.weight", {}, layer.weight.detach()
        layer = getattr(nn, f"ConvTranspose{axes}d")(128, 128, kernel, groups=2)
        yield f"torch.nn.ConvTranspose{axes}d.weight", {}, layer.weight.detach()
    layer = nn.Conv2d(4, 200_000, 3, groups=2)
    yield "torch.nn.Conv2d.bias", {"in_channels": 4, "kernel_size": 3, "groups": 2}, layer.bias.detach()
    layer = nn.ConvTranspose2d(1, 200_000, 3)
    yield "torch.nn.ConvTranspose2d.bias", {"out_channels": 200_000, "kernel_size": 3}, layer.bias.detach()
    yield "torch.nn.Bilinear.weight", {}, nn.Bilinear(50, 60, 80).weight.detach()
    yield "torch.nn.Embedding.weight", {}, nn.Embedding(1000, 640).weight.detach()
    for cell in ("LSTM", "GRU", "RNN"):
        layer = getattr(nn, cell)(512, 512)
        for part in ("weight_ih", "weight_hh"):
            yield f"torch.nn.{cell}.{part}", {"hidden_size": 512}, getattr(layer, f"{part}_l0").detach()
    layer = nn.MultiheadAttention(512, 8)
    yield "torch.nn.MultiheadAttention.in_proj_weight", {}, layer.in_proj_weight.detach()
    yield "torch.nn.MultiheadAttention.in_proj_bias", {}, layer.in_proj_bias.detach()
    yield "torch.nn.MultiheadAttention.out_proj.weight", {}, layer.out_proj.weight.detach()
    yield "torch.nn.MultiheadAttention.out_proj.bias", {}, layer.out_proj.bias.detach()
    for norm in ("LayerNorm", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d"):
        yield f"torch.nn.{norm}.weight", {}, getattr(nn, norm)(8).weight.detach()
        yield f"torch.nn.{norm}.bias", {}, getattr(nn, norm)(8).bias.detach()
    yield "torch.nn.PReLU.weight", {}, nn.PReLU().weight.detach()


@torch.no_grad()
def counts():
    layer = nn.Linear(7, 5, bias=False)
    layer.weight.fill_(1)
    yield "torch.nn.Linear.weight", (5, 7), {}, layer(torch.ones(1, 7))[0, 0], layer(torch.eye(7)[:1]).sum()
    image = torch.zeros(1, 4, 9, 9)
    image[0, 0, 4, 4] = 1
    for name in ("Conv2d", "ConvTranspose2d"):
        layer = getattr(nn, name)(4, 6, 3, groups=2, padding=1, bias=False)
        layer.weight.fill_(1)
        use = {"groups": 2, "transposed": name != "Conv2d"}
        yield (
            f"torch.nn.{name}.weight",
            layer.weight.shape,
            use,
            layer(torch.ones(1, 4, 9, 9))[0, 0, 4, 4],
            layer(image).sum(),
        )
