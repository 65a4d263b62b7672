"""Models of diffusers of every kind, small, each with the numbers that go in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import nn

__all__ = ["DIFFUSERS", "Small"]

Inputs = dict[str, Any]


class Small(NamedTuple):
    """A class of diffusers, the settings of its configuration, and one batch."""

    name: str
    options: Inputs
    inputs: Callable[[], Inputs]

    def build(self) -> nn.Module:
        """The model, as its library starts it."""
        found: nn.Module = getattr(import_module("diffusers"), self.name)(**self.options)
        return found


def _when(key: str, *size: int, step: Any = 3, **more: Any) -> Callable[[], Inputs]:
    """A noisy sample, its time step, and normal numbers of these sizes, or what else is given."""
    return lambda: {
        key: torch.randn(*size),
        **({} if step is None else {"timestep": step if step == 0 else torch.full(size[:1], step)}),
        **{name: torch.randn(*one) if isinstance(one, tuple) else one for name, one in more.items()},
    }


def _small(name: str, inputs: Callable[[], Inputs], **options: Any) -> Small:
    return Small(name, options, inputs)


_sample, _hidden = partial(_when, "sample"), partial(_when, "hidden_states")
_BLOCKS: Inputs = {"block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8}
_HEADS: Inputs = {"num_attention_heads": 2, "attention_head_dim": 16}
_CODER: Inputs = {
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
}
_ACROSS: Inputs = {"cross_attention_dim": 16, "attention_head_dim": 8}

DIFFUSERS = {
    "UNet1D": _small("UNet1DModel", _sample(2, 2, 64), sample_size=64, in_channels=2, out_channels=2,
        extra_in_channels=64, block_out_channels=(32, 32, 64)),
    "UNet2D": _small("UNet2DModel", _sample(2, 3, 16, 16), sample_size=16, **_BLOCKS,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D")),
    "UNet2DCondition": _small("UNet2DConditionModel", _sample(2, 4, 16, 16,
        encoder_hidden_states=(2, 6, 16)), sample_size=16, **_BLOCKS, **_ACROSS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D",
        "UpBlock2D")),
    "UNet3DCondition": _small("UNet3DConditionModel", _sample(1, 4, 3, 16, 16,
        encoder_hidden_states=(1, 6, 16)), sample_size=16, **_BLOCKS, **_ACROSS,
        down_block_types=("DownBlock3D", "CrossAttnDownBlock3D"), up_block_types=("CrossAttnUpBlock3D",
        "UpBlock3D")),
    "UNetMotion": _small("UNetMotionModel", _sample(1, 4, 3, 16, 16, encoder_hidden_states=(3, 6, 16)),
        sample_size=16, **_BLOCKS, cross_attention_dim=16, num_attention_heads=2,
        motion_num_attention_heads=2, motion_max_seq_length=8, down_block_types=("DownBlockMotion",
        "CrossAttnDownBlockMotion"), up_block_types=("CrossAttnUpBlockMotion", "UpBlockMotion")),
    "StableVideo": _small("UNetSpatioTemporalConditionModel", _sample(1, 2, 8, 16, 16,
        encoder_hidden_states=(1, 1, 16), added_time_ids=(1, 3)), sample_size=16, block_out_channels=(32,
        64), layers_per_block=1, cross_attention_dim=16, num_attention_heads=(2, 2), num_frames=2,
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=24,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal")),
    "Cascade": _small("StableCascadeUNet", _sample(2, 4, 8, 8, step=None,
        timestep_ratio=torch.tensor([0.1, 0.7]), clip_text_pooled=(2, 1, 16)), in_channels=4, out_channels=4,
        conditioning_dim=32, block_out_channels=(32, 32), num_attention_heads=(2, 2),
        down_num_layers_per_block=(1, 2), up_num_layers_per_block=(2, 1), clip_text_in_channels=16,
        clip_text_pooled_in_channels=16, clip_image_in_channels=16, clip_seq=2),
    "ControlNet": _small("ControlNetModel", _sample(2, 4, 16, 16, encoder_hidden_states=(2, 6, 16),
        controlnet_cond=(2, 3, 32, 32)), **_BLOCKS, **_ACROSS, down_block_types=("DownBlock2D",
        "CrossAttnDownBlock2D"), conditioning_embedding_out_channels=(16, 32)),
    "T2IAdapter": _small("T2IAdapter", lambda: {"x": torch.randn(2, 3, 32, 32)}, channels=[16, 32],
        num_res_blocks=1, downscale_factor=4),
    "UVit": _small("UVit2DModel", lambda: {"input_ids": torch.randint(32, (2, 8, 8)),
        "encoder_hidden_states": torch.randn(2, 6, 16), "pooled_text_emb": torch.randn(2, 16),
        "micro_conds": torch.rand(2, 5)}, hidden_size=32, cond_embed_dim=16, micro_cond_encode_dim=4,
        micro_cond_embed_dim=20, encoder_hidden_size=16, vocab_size=40, codebook_size=32, in_channels=16,
        block_out_channels=16, num_res_blocks=1, block_num_heads=2, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=64, sample_size=8),
    "Prior": _small("PriorTransformer", _hidden(2, 16, proj_embedding=(2, 16),
        encoder_hidden_states=(2, 6, 16)), **_HEADS, num_layers=2, embedding_dim=16, num_embeddings=6),
    "DiT": _small("DiTTransformer2DModel", _hidden(2, 4, 16, 16, class_labels=torch.tensor([1, 7])),
        **_HEADS, in_channels=4, num_layers=2, sample_size=16, patch_size=4, num_embeds_ada_norm=10,
        norm_num_groups=8),
    "PixArt": _small("PixArtTransformer2DModel", _hidden(2, 4, 16, 16, encoder_hidden_states=(2, 6, 16)),
        **_HEADS, in_channels=4, out_channels=8, num_layers=2, sample_size=16, patch_size=4,
        cross_attention_dim=32, caption_channels=16, use_additional_conditions=False),
    "HunyuanDiT": _small("HunyuanDiT2DModel", _hidden(2, 4, 8, 8, step=3.0, encoder_hidden_states=(2, 6, 16),
        encoder_hidden_states_t5=(2, 6, 16), text_embedding_mask=torch.ones(2, 6),
        text_embedding_mask_t5=torch.ones(2, 6)), **_HEADS, in_channels=4, patch_size=2, sample_size=8,
        hidden_size=32, num_layers=2, cross_attention_dim=16, cross_attention_dim_t5=16,
        pooled_projection_dim=8, text_len=6, text_len_t5=6, use_style_cond_and_image_meta_size=False),
    "SD3": _small("SD3Transformer2DModel", _hidden(2, 4, 16, 16, encoder_hidden_states=(2, 6, 32),
        pooled_projections=(2, 16)), **_HEADS, sample_size=16, in_channels=4, out_channels=4, num_layers=2,
        joint_attention_dim=32, caption_projection_dim=32, pooled_projection_dim=16, pos_embed_max_size=16),
    "Flux": _small("FluxTransformer2DModel", _hidden(2, 16, 8, step=0.3, encoder_hidden_states=(2, 6, 32),
        pooled_projections=(2, 16), img_ids=(16, 3), txt_ids=(6, 3), guidance=torch.ones(2)), **_HEADS,
        in_channels=8, num_layers=1, num_single_layers=2, joint_attention_dim=32, pooled_projection_dim=16,
        guidance_embeds=True, axes_dims_rope=(4, 4, 8)),
    "AuraFlow": _small("AuraFlowTransformer2DModel", _hidden(2, 4, 16, 16, encoder_hidden_states=(2, 6, 32)),
        **_HEADS, sample_size=16, in_channels=4, out_channels=4, num_mmdit_layers=1, num_single_dit_layers=2,
        joint_attention_dim=32, caption_projection_dim=32, pos_embed_max_size=64),
    "Sana": _small("SanaTransformer2DModel", _hidden(2, 4, 16, 16, encoder_hidden_states=(2, 6, 16)),
        **_HEADS, in_channels=4, out_channels=4, num_layers=2, num_cross_attention_heads=2,
        cross_attention_head_dim=16, cross_attention_dim=32, caption_channels=16, sample_size=16,
        patch_size=1),
    "Lumina2": _small("Lumina2Transformer2DModel", _hidden(2, 4, 16, 16, encoder_hidden_states=(2, 6, 16),
        encoder_attention_mask=torch.ones(2, 6, dtype=torch.bool)), sample_size=16, in_channels=4,
        hidden_size=48, num_layers=2, num_refiner_layers=1, num_attention_heads=2, num_kv_heads=1,
        multiple_of=16, axes_dim_rope=(8, 8, 8), axes_lens=(32, 32, 32), cap_feat_dim=16),
    "CogVideoX": _small("CogVideoXTransformer3DModel", _hidden(1, 2, 4, 8, 8,
        encoder_hidden_states=(1, 6, 16)), **_HEADS, in_channels=4, out_channels=4, time_embed_dim=8,
        text_embed_dim=16, num_layers=2, sample_width=8, sample_height=8, sample_frames=5,
        max_text_seq_length=6),
    "Latte": _small("LatteTransformer3DModel", _hidden(1, 4, 2, 8, 8, encoder_hidden_states=(1, 6, 16)),
        **_HEADS, in_channels=4, out_channels=8, num_layers=2, cross_attention_dim=32, sample_size=8,
        patch_size=2, norm_type="ada_norm_single", norm_elementwise_affine=False, caption_channels=16,
        video_length=2),
    "Wan": _small("WanTransformer3DModel", _hidden(1, 4, 2, 8, 8, encoder_hidden_states=(1, 6, 16)),
        **_HEADS, in_channels=4, out_channels=4, text_dim=16, freq_dim=16, ffn_dim=64, num_layers=2,
        rope_max_seq_len=32),
    "LTX": _small("LTXVideoTransformer3DModel", _hidden(1, 32, 4, encoder_hidden_states=(1, 6, 16),
        encoder_attention_mask=torch.ones(1, 6), num_frames=2, height=4, width=4), **_HEADS, in_channels=4,
        out_channels=4, cross_attention_dim=32, num_layers=2, caption_channels=16),
    "StableAudio": _small("StableAudioDiTModel", _hidden(2, 4, 8, step=0.3, encoder_hidden_states=(2, 6, 16),
        global_hidden_states=(2, 1, 8)), **_HEADS, sample_size=8, in_channels=4, out_channels=4,
        num_layers=2, num_key_value_attention_heads=1, cross_attention_dim=16, time_proj_dim=8,
        global_states_input_dim=8, cross_attention_input_dim=16),
    "AutoencoderKL": _small("AutoencoderKL", _sample(2, 3, 16, 16, step=None), **_BLOCKS, **_CODER),
    "AutoencoderTiny": _small("AutoencoderTiny", _sample(2, 3, 16, 16, step=None),
        encoder_block_out_channels=(16, 16), decoder_block_out_channels=(16, 16), num_encoder_blocks=(1, 2),
        num_decoder_blocks=(2, 1)),
    "AutoencoderDC": _small("AutoencoderDC", _sample(2, 3, 16, 16, step=None), in_channels=3,
        latent_channels=8, encoder_block_out_channels=(16, 32), decoder_block_out_channels=(16, 32),
        encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1), encoder_block_types="ResBlock",
        decoder_block_types="ResBlock", encoder_qkv_multiscales=((), ()), decoder_qkv_multiscales=((), ())),
    "AutoencoderKLCogVideoX": _small("AutoencoderKLCogVideoX", _sample(1, 3, 5, 16, 16, step=None),
        **_BLOCKS, down_block_types=("CogVideoXDownBlock3D",) * 2,
        up_block_types=("CogVideoXUpBlock3D",) * 2, latent_channels=4, sample_height=16, sample_width=16),
    "AutoencoderKLWan": _small("AutoencoderKLWan", _sample(1, 3, 5, 16, 16, step=None), base_dim=8, z_dim=4,
        dim_mult=[1, 2], num_res_blocks=1, temperal_downsample=[True], latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4),
    "AutoencoderOobleck": _small("AutoencoderOobleck", _sample(2, 2, 64, step=None), encoder_hidden_size=16,
        downsampling_ratios=[2, 4], channel_multiples=[1, 2], decoder_channels=16, decoder_input_channels=8),
    "StableVideoDecoder": _small("AutoencoderKLTemporalDecoder", _sample(2, 3, 16, 16, step=None,
        num_frames=2), block_out_channels=(32, 64), down_block_types=("DownEncoderBlock2D",) * 2),
    "ConsistencyDecoder": _small("ConsistencyDecoderVAE", _sample(2, 3, 16, 16, step=None), sample_size=16,
        encoder_block_out_channels=(16, 32), encoder_norm_num_groups=8, encoder_layers_per_block=1,
        encoder_down_block_types=("DownEncoderBlock2D",) * 2, decoder_block_out_channels=(16, 32),
        decoder_norm_num_groups=8, decoder_layers_per_block=1,
        decoder_down_block_types=("ResnetDownsampleBlock2D",) * 2,
        decoder_up_block_types=("ResnetUpsampleBlock2D",) * 2),
    "VQModel": _small("VQModel", _sample(2, 3, 16, 16, step=None), **_BLOCKS, **_CODER,
        num_vq_embeddings=32),
}  # fmt: skip
