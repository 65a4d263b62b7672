"""Diffusion, autoencoders and normalizing flows: diffusers, normflows, nflows, zuko, lucidrains' packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from survey.models import Batch, Task, add
from survey.tasks import digits, first, generator, same

Build = Callable[[], nn.Module]


def noisy(size: int, channels: int, batch: int = 4, **more: Callable[[int, torch.Generator], Tensor]) -> Task:
    """The noise in a noisy image, with whatever else the model is conditioned on."""

    def task(seed: int) -> Batch:
        source = generator(seed)
        clean, _ = digits(size, batch, seed, channels)
        noise = torch.randn(clean.shape, generator=source)
        level = torch.rand(batch, 1, 1, 1, generator=source)
        given = {name: make(batch, source) for name, make in more.items()}
        inputs = {"timestep": (999 * level.flatten()).long()} | given
        sample = (1 - level).sqrt() * clean + level.sqrt() * noise
        key = "hidden_states" if "hidden" in more else "sample"
        inputs.pop("hidden", None)
        return {key: sample} | inputs, lambda output: functional.mse_loss(first(output)[:, :channels], noise)

    return task


def diffuser(name: str, **options: Any) -> Build:
    """A model of diffusers."""
    return lambda: getattr(import_module("diffusers"), name)(**options)


def states(length: int, width: int) -> Callable[[int, torch.Generator], Tensor]:
    """What a text encoder would say."""
    return lambda batch, source: torch.randn(batch, length, width, generator=source)


def labels(batch: int, source: torch.Generator) -> Tensor:
    return torch.randint(10, (batch,), generator=source)


_BLOCKS = {"block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8}
_UNET = dict(sample_size=16, in_channels=3, out_channels=3, **_BLOCKS)
add("diffusers", {"UNet2D": diffuser("UNet2DModel", **_UNET, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                                     up_block_types=("AttnUpBlock2D", "UpBlock2D"))}, noisy(16, 3))  # fmt: skip
add("diffusers", {"UNet2DCondition": diffuser(
    "UNet2DConditionModel", **_UNET, cross_attention_dim=16, attention_head_dim=8,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"))},
    noisy(16, 3, encoder_hidden_states=states(6, 16)))  # fmt: skip
add("diffusers", {"DiT": diffuser("DiTTransformer2DModel", num_attention_heads=4, attention_head_dim=16, in_channels=3, num_layers=4,
                                  sample_size=16, patch_size=4, num_embeds_ada_norm=10, norm_num_groups=8)},
    noisy(16, 3, hidden=labels, class_labels=labels))  # fmt: skip
add("diffusers", {"PixArt": diffuser("PixArtTransformer2DModel", num_attention_heads=4, attention_head_dim=16, in_channels=3,
                                     out_channels=3, num_layers=3, sample_size=16, patch_size=4, cross_attention_dim=64,
                                     caption_channels=16, use_additional_conditions=False)},
    noisy(16, 3, hidden=labels, encoder_hidden_states=states(6, 16)))  # fmt: skip
add("diffusers", {"SD3": diffuser("SD3Transformer2DModel", sample_size=16, patch_size=2, in_channels=4, num_layers=3, attention_head_dim=16,
                                  num_attention_heads=4, joint_attention_dim=32, caption_projection_dim=64, pooled_projection_dim=32,
                                  out_channels=4, pos_embed_max_size=16)},
    noisy(16, 4, hidden=labels, encoder_hidden_states=states(6, 32),
          pooled_projections=lambda b, s: torch.randn(b, 32, generator=s)))  # fmt: skip
add("diffusers", {"AuraFlow": diffuser("AuraFlowTransformer2DModel", sample_size=16, patch_size=2, in_channels=4, num_mmdit_layers=1,
                                       num_single_dit_layers=2, attention_head_dim=16, num_attention_heads=4, joint_attention_dim=32,
                                       caption_projection_dim=64, out_channels=4, pos_embed_max_size=64)},
    noisy(16, 4, hidden=labels, encoder_hidden_states=states(6, 32)))  # fmt: skip
add("diffusers", {"Sana": diffuser("SanaTransformer2DModel", in_channels=4, out_channels=4, num_layers=3, num_attention_heads=4,
                                   attention_head_dim=16, num_cross_attention_heads=4, cross_attention_head_dim=16,
                                   cross_attention_dim=64, caption_channels=32, sample_size=16, patch_size=1)},
    noisy(16, 4, hidden=labels, encoder_hidden_states=states(6, 32)))  # fmt: skip
add("diffusers", {
    "AutoencoderKL": diffuser("AutoencoderKL", **_BLOCKS, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2),
    "VQModel": diffuser("VQModel", **_BLOCKS, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, num_vq_embeddings=32),
    "AutoencoderTiny": diffuser("AutoencoderTiny", encoder_block_out_channels=(16, 16), decoder_block_out_channels=(16, 16), num_encoder_blocks=(1, 2), num_decoder_blocks=(2, 1)),
    "AutoencoderDC": diffuser("AutoencoderDC", in_channels=3, latent_channels=8, encoder_block_out_channels=(16, 32), decoder_block_out_channels=(16, 32),
                              encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1), encoder_block_types="ResBlock", decoder_block_types="ResBlock",
                              encoder_qkv_multiscales=((), ()), decoder_qkv_multiscales=((), ())),
}, same(32, 4))  # fmt: skip


def moons(seed: int) -> Batch:
    """Points on two half circles in four dimensions; the model returns their log densities."""
    source = generator(seed)
    angle = 3.14 * torch.rand(128, generator=source)
    side = torch.randint(2, (128,), generator=source).float()
    plane = torch.stack(
        [torch.cos(angle) * (1 - 2 * side) + side, torch.sin(angle) * (1 - 2 * side) + side / 2], 1
    )
    points = torch.cat([plane, plane.flip(1)], 1) + 0.1 * torch.randn(128, 4, generator=source)
    return points, lambda output: -output.mean()


class Density(nn.Module):
    """A flow, asked for log densities."""

    def __init__(self, flow: nn.Module, ask: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.flow, self.ask = flow, ask

    def forward(self, points: Tensor) -> Tensor:
        return self.ask(self.flow, points)


def log_prob(flow: Any, points: Tensor) -> Tensor:
    return flow.log_prob(points)


def zuko(name: str, **options: Any) -> Build:
    return lambda: Density(
        getattr(import_module("zuko.flows"), name)(features=4, **options), lambda f, x: f().log_prob(x)
    )


add("zuko", {"MAF": zuko("MAF", transforms=3), "NSF": zuko("NSF", transforms=3), "NICE": zuko("NICE", transforms=4), "SOSPF": zuko("SOSPF", transforms=2),
             "NAF": zuko("NAF", transforms=1), "BPF": zuko("BPF", transforms=2)}, moons)  # fmt: skip


def normflow(kind: str) -> Build:
    """Real NVP, MAF, splines or Glow's blocks of normflows."""

    def build() -> nn.Module:
        nf = import_module("normflows")
        steps: list[nn.Module] = []
        for _ in range(6):
            if kind == "RealNVP":
                steps.append(nf.flows.AffineCouplingBlock(nf.nets.MLP([2, 32, 32, 4], init_zeros=True)))
            elif kind == "RealNVP-split":
                steps.append(
                    nf.flows.AffineCouplingBlock(
                        nf.nets.MLP([2, 32, 32, 4], init_zeros=True), scale_map="sigmoid"
                    )
                )
            elif kind == "MAF":
                steps.append(nf.flows.MaskedAffineAutoregressive(4, 32, num_blocks=2))
            elif kind == "Spline":
                steps.append(nf.flows.CoupledRationalQuadraticSpline(4, 2, 32))
            else:
                steps.append(
                    nf.flows.Residual(
                        nf.nets.LipschitzMLP([4, 32, 32, 4], init_zeros=True, lipschitz_const=0.9)
                    )
                )
            steps.append(nf.flows.LULinearPermute(4))
        return Density(nf.NormalizingFlow(nf.distributions.DiagGaussian(4, trainable=False), steps), log_prob)

    return build


add(
    "normflows",
    {kind: normflow(kind) for kind in ("RealNVP", "RealNVP-split", "MAF", "Spline", "Residual")},
    moons,
)


def conditioner(inputs: int, outputs: int) -> nn.Module:
    """A residual network of nflows."""
    return import_module("nflows.nn.nets").ResidualNet(inputs, outputs, hidden_features=32)


def nflow(kind: str) -> Build:
    """Compositions of nflows."""

    def build() -> nn.Module:
        t, d, f = (import_module(f"nflows.{part}") for part in ("transforms", "distributions", "flows"))
        steps: list[nn.Module] = []
        for _ in range(4):
            steps.append(t.RandomPermutation(4))
            if kind == "MAF":
                steps.append(t.MaskedAffineAutoregressiveTransform(features=4, hidden_features=32))
            elif kind == "NSF":
                steps.append(
                    t.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                        4, 32, tails="linear", tail_bound=4.0
                    )
                )
            else:
                steps.append(t.AffineCouplingTransform([1, 0, 1, 0], conditioner))
        return Density(f.Flow(t.CompositeTransform(steps), d.StandardNormal([4])), log_prob)

    return build


add("nflows", {kind: nflow(kind) for kind in ("MAF", "NSF", "Coupling")}, moons)


def quantised(name: str, **options: Any) -> Build:
    """An encoder, a codebook and a decoder."""
    return lambda: Quantised(getattr(import_module("vector_quantize_pytorch"), name)(**options))


class Quantised(nn.Module):
    """Digits through a codebook."""

    def __init__(self, codes: nn.Module) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
        self.codes = codes
        self.after = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.codes(self.before(x)[:, None])[0][:, 0])


def rows(seed: int) -> Batch:
    given = digits(8, 64, seed, 1)[0].flatten(1)
    return given, lambda output: functional.mse_loss(output, given)


add("vector-quantize-pytorch", {
    "VectorQuantize": quantised("VectorQuantize", dim=16, codebook_size=64), "FSQ": quantised("FSQ", levels=[8, 5, 5], dim=16),
    "ResidualVQ": quantised("ResidualVQ", dim=16, codebook_size=32, num_quantizers=2), "LFQ": quantised("LFQ", codebook_size=64, dim=16),
}, rows)  # fmt: skip


def denoised(seed: int) -> Batch:
    source = generator(seed)
    clean, _ = digits(16, 4, seed)
    noise = torch.randn(clean.shape, generator=source)
    return (0.7 * clean + 0.7 * noise, torch.full((4,), 0.5)), lambda output: functional.mse_loss(
        output, noise
    )


add("denoising-diffusion-pytorch", {"Unet": lambda: import_module("denoising_diffusion_pytorch").Unet(
    dim=16, dim_mults=(1, 2), flash_attn=False, attn_dim_head=8)}, denoised)  # fmt: skip
