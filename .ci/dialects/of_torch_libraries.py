"""Libraries on PyTorch: graphs, agents, operators, fastai."""

import _operators  # noqa: F401
import torch

torch.manual_seed(0)


def samples():
    from torch_geometric.nn import GATConv, GCNConv, Linear, inits

    def filled(which, *shape, **told):
        tensor = torch.empty(*shape)
        which(tensor, **told) if told else which(tensor)
        return tensor

    for shape in ((1000, 640), (5, 200, 300)):
        yield "pyg.inits.glorot", {}, filled(inits.glorot, *shape)
    yield (
        "pyg.inits.kaiming_uniform",
        {"fan": 64, "a": 1.0},
        filled(lambda t: inits.kaiming_uniform(t, 64, 1.0), 1000, 640),
    )
    yield "pyg.inits.uniform", {"size": 64}, filled(lambda t: inits.uniform(64, t), 1000, 640)
    yield "pyg.Linear.weight", {}, Linear(1000, 640).weight.detach()
    yield "pyg.Linear.bias", {"in_channels": 4}, Linear(4, 200_000).bias.detach()
    yield "pyg.GCNConv.lin.weight", {}, GCNConv(1000, 640).lin.weight.detach()
    yield "pyg.GCNConv.bias", {}, GCNConv(1000, 640).bias.detach()
    yield "pyg.GATConv.att_src", {}, GATConv(4, 25_000, heads=8).att_src.detach()
    from fastai.layers import BatchNorm, ConvLayer, Embedding, trunc_normal_

    yield "fastai.trunc_normal_", {"std": 0.3}, trunc_normal_(torch.empty(1000, 640), std=0.3)
    yield "fastai.Embedding.weight", {}, Embedding(1000, 640).weight.detach()

    yield "fastai.BatchNorm.bias", {}, BatchNorm(8).bias.detach()
    yield "fastai.BatchNorm.weight", {}, BatchNorm(8).weight.detach()
    layer = ConvLayer(64, 128, 6, norm_type=None)
    yield "fastai.ConvLayer.0.weight", {}, layer[0].weight.detach()
    yield "fastai.ConvLayer.0.bias", {}, ConvLayer(1, 200_000, 1, norm_type=None)[0].bias.detach()
    from neuralop.layers.spectral_convolution import SpectralConv

    layer = SpectralConv(48, 64, (16, 8), factorization=None)
    weight = layer.weight
    yield (
        "neuralop.SpectralConv.weight",
        {},
        (weight.to_tensor() if hasattr(weight, "to_tensor") else weight).detach(),
    )
    import gymnasium
    from stable_baselines3 import PPO

    policy = PPO("MlpPolicy", gymnasium.make("Pendulum-v1"), policy_kwargs={"net_arch": [64, 64]}).policy
    yield (
        "sb3.ActorCriticPolicy.weight",
        {"role": "hidden"},
        policy.mlp_extractor.policy_net[2].weight.detach(),
    )
    yield "sb3.ActorCriticPolicy.weight", {"role": "action"}, policy.action_net.weight.detach()
    yield "sb3.ActorCriticPolicy.weight", {"role": "value"}, policy.value_net.weight.detach()
    yield "sb3.ActorCriticPolicy.bias", {}, policy.action_net.bias.detach()
    from timm.layers import weight_init

    for name, told in (
        ("trunc_normal_", {"std": 1.5}),
        ("trunc_normal_tf_", {"std": 0.02}),
        ("lecun_normal_", {}),
        ("variance_scaling_", {"mode": "fan_out", "distribution": "uniform"}),
    ):
        yield f"timm.{name}", told, filled(getattr(weight_init, name), 1000, 640, **told)
