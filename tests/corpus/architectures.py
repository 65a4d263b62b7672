"""Architectures of transformers, each built from a tiny configuration, with inputs that fit it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

__all__ = ["ARCHITECTURES"]

Made = tuple[torch.nn.Module, Any]
SMALL = {
    "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 64, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
GPT = {
    "vocab_size": 100,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
SEQ = {
    "vocab_size": 100, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 64,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1,
}  # fmt: skip
T5 = {
    "vocab_size": 100, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0,
    "pad_token_id": 0, "eos_token_id": 1,
}  # fmt: skip
VISION = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}


def build(config: str, model: str, inputs: Callable[[], dict[str, Any]], **settings: Any) -> Made:
    """The model of that class, in training mode, and its inputs."""
    library = importlib.import_module("transformers")
    return getattr(library, model)(getattr(library, config)(**settings)).train(), inputs()


def text(labels: bool = True, **more: Any) -> dict[str, Any]:
    ids = torch.randint(3, 100, (4, 16))
    return {"input_ids": ids, **({"labels": ids.clone()} if labels else {}), **more}


def classes(shape: tuple[int, ...] = (4, 3, 32, 32)) -> dict[str, Any]:
    return {"pixel_values": torch.randn(shape), "labels": torch.randint(0, 2, (shape[0],))}


def pixels(shape: tuple[int, ...] = (4, 3, 32, 32)) -> dict[str, Any]:
    return {"pixel_values": torch.randn(shape)}


def wave() -> dict[str, Any]:
    return {"input_values": torch.randn(2, 4000)}


def speech() -> dict[str, Any]:
    return {"input_features": torch.randn(2, 16, 60), "labels": torch.randint(3, 100, (2, 8))}


AUDIO = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "conv_dim": (32, 32, 32),
    "conv_stride": (5, 4, 2), "conv_kernel": (10, 3, 3), "num_feat_extract_layers": 3, "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4, "mask_time_prob": 0.0, "vocab_size": 32,
}  # fmt: skip
ROWS: dict[str, tuple[str, str, Callable[[], dict[str, Any]], dict[str, Any]]] = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", text, GPT),
    "gpt-neo": ("GPTNeoConfig", "GPTNeoForCausalLM", text, {**SMALL, "num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]]}),
    "gpt-neox": ("GPTNeoXConfig", "GPTNeoXForCausalLM", text, SMALL),
    "gptj": ("GPTJConfig", "GPTJForCausalLM", text, {**GPT, "rotary_dim": 4}),
    "gpt-bigcode": ("GPTBigCodeConfig", "GPTBigCodeForCausalLM", text, GPT),
    "codegen": ("CodeGenConfig", "CodeGenForCausalLM", text, {**GPT, "rotary_dim": 4}),
    "opt": ("OPTConfig", "OPTForCausalLM", text, {**SMALL, "ffn_dim": 64, "word_embed_proj_dim": 32}),
    "bloom": ("BloomConfig", "BloomForCausalLM", text, {"vocab_size": 100, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "falcon": ("FalconConfig", "FalconForCausalLM", text, SMALL),
    "mpt": ("MptConfig", "MptForCausalLM", text, {"vocab_size": 100, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 64}),
    "llama": ("LlamaConfig", "LlamaForCausalLM", text, SMALL),
    "mistral": ("MistralConfig", "MistralForCausalLM", text, {**SMALL, "num_key_value_heads": 2}),
    "mixtral": ("MixtralConfig", "MixtralForCausalLM", text, {**SMALL, "num_key_value_heads": 2, "num_local_experts": 4}),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", text, {**SMALL, "num_key_value_heads": 2}),
    "qwen2-moe": ("Qwen2MoeConfig", "Qwen2MoeForCausalLM", text, {**SMALL, "num_key_value_heads": 2, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32}),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", text, {**SMALL, "num_key_value_heads": 2, "head_dim": 8}),
    "gemma": ("GemmaConfig", "GemmaForCausalLM", text, {**SMALL, "head_dim": 8, "num_key_value_heads": 2}),
    "gemma2": ("Gemma2Config", "Gemma2ForCausalLM", text, {**SMALL, "head_dim": 8, "num_key_value_heads": 2}),
    "phi": ("PhiConfig", "PhiForCausalLM", text, SMALL),
    "phi3": ("Phi3Config", "Phi3ForCausalLM", text, SMALL),
    "stablelm": ("StableLmConfig", "StableLmForCausalLM", text, {**SMALL, "num_key_value_heads": 4}),
    "starcoder2": ("Starcoder2Config", "Starcoder2ForCausalLM", text, {**SMALL, "num_key_value_heads": 2}),
    "olmo": ("OlmoConfig", "OlmoForCausalLM", text, SMALL),
    "olmo2": ("Olmo2Config", "Olmo2ForCausalLM", text, SMALL),
    "cohere": ("CohereConfig", "CohereForCausalLM", text, SMALL),
    "granite": ("GraniteConfig", "GraniteForCausalLM", text, SMALL),
    "xglm": ("XGLMConfig", "XGLMForCausalLM", text, {"vocab_size": 100, "d_model": 32, "num_layers": 2, "attention_heads": 4, "ffn_dim": 64, "max_position_embeddings": 64}),
    "mamba": ("MambaConfig", "MambaForCausalLM", text, {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}),
    "mamba2": ("Mamba2Config", "Mamba2ForCausalLM", text, {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 2, "chunk_size": 8}),
    "rwkv": ("RwkvConfig", "RwkvForCausalLM", text, {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "attention_hidden_size": 32, "context_length": 64}),
    "jamba": ("JambaConfig", "JambaForCausalLM", text, {**SMALL, "num_key_value_heads": 2, "num_experts": 2, "use_mamba_kernels": False, "attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1, "mamba_d_state": 8}),
    "bert": ("BertConfig", "BertForMaskedLM", text, SMALL),
    "roberta": ("RobertaConfig", "RobertaForMaskedLM", text, SMALL),
    "distilbert": ("DistilBertConfig", "DistilBertForMaskedLM", text, {"vocab_size": 100, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 64}),
    "albert": ("AlbertConfig", "AlbertForMaskedLM", text, {**SMALL, "embedding_size": 16}),
    "electra": ("ElectraConfig", "ElectraForMaskedLM", text, {**SMALL, "embedding_size": 32}),
    "deberta": ("DebertaConfig", "DebertaForMaskedLM", text, {**SMALL, "relative_attention": True, "pos_att_type": "c2p|p2c"}),
    "deberta-v2": ("DebertaV2Config", "DebertaV2ForMaskedLM", text, {**SMALL, "relative_attention": True, "pos_att_type": "c2p|p2c"}),
    "mpnet": ("MPNetConfig", "MPNetForMaskedLM", text, SMALL),
    "camembert": ("CamembertConfig", "CamembertForMaskedLM", text, SMALL),
    "xlm-roberta": ("XLMRobertaConfig", "XLMRobertaForMaskedLM", text, SMALL),
    "mobilebert": ("MobileBertConfig", "MobileBertForMaskedLM", text, {**SMALL, "embedding_size": 32, "intra_bottleneck_size": 16, "true_hidden_size": 16}),
    "convbert": ("ConvBertConfig", "ConvBertForMaskedLM", text, {**SMALL, "embedding_size": 32}),
    "squeezebert": ("SqueezeBertConfig", "SqueezeBertForMaskedLM", text, {**SMALL, "embedding_size": 32}),
    "roformer": ("RoFormerConfig", "RoFormerForMaskedLM", text, {**SMALL, "embedding_size": 32}),
    "fnet": ("FNetConfig", "FNetForMaskedLM", text, SMALL),
    "funnel": ("FunnelConfig", "FunnelForMaskedLM", text, {"vocab_size": 100, "d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 64, "block_sizes": [1, 1], "num_decoder_layers": 1}),
    "longformer": ("LongformerConfig", "LongformerForMaskedLM", text, {**SMALL, "attention_window": 8}),
    "big-bird": ("BigBirdConfig", "BigBirdForMaskedLM", text, {**SMALL, "attention_type": "original_full"}),
    "modernbert": ("ModernBertConfig", "ModernBertForMaskedLM", text, {**SMALL, "cls_token_id": 1, "sep_token_id": 2}),
    "xlnet": ("XLNetConfig", "XLNetLMHeadModel", text, {"vocab_size": 100, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64}),
    "t5": ("T5Config", "T5ForConditionalGeneration", text, T5),
    "mt5": ("MT5Config", "MT5ForConditionalGeneration", text, T5),
    "longt5": ("LongT5Config", "LongT5ForConditionalGeneration", text, {**T5, "local_radius": 4}),
    "bart": ("BartConfig", "BartForConditionalGeneration", text, SEQ),
    "mbart": ("MBartConfig", "MBartForConditionalGeneration", text, SEQ),
    "pegasus": ("PegasusConfig", "PegasusForConditionalGeneration", text, SEQ),
    "marian": ("MarianConfig", "MarianMTModel", text, {**SEQ, "decoder_vocab_size": 100}),
    "blenderbot": ("BlenderbotConfig", "BlenderbotForConditionalGeneration", text, SEQ),
    "switch": ("SwitchTransformersConfig", "SwitchTransformersForConditionalGeneration", text, {**T5, "num_experts": 4}),
    "vit": ("ViTConfig", "ViTForImageClassification", classes, VISION),
    "deit": ("DeiTConfig", "DeiTForImageClassification", classes, VISION),
    "beit": ("BeitConfig", "BeitForImageClassification", classes, VISION),
    "dinov2": ("Dinov2Config", "Dinov2ForImageClassification", classes, VISION),
    "swin": ("SwinConfig", "SwinForImageClassification", classes, {"image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 4], "window_size": 4}),
    "convnext": ("ConvNextConfig", "ConvNextForImageClassification", classes, {"hidden_sizes": [16, 32], "depths": [1, 2], "num_stages": 2}),
    "convnextv2": ("ConvNextV2Config", "ConvNextV2ForImageClassification", classes, {"hidden_sizes": [16, 32], "depths": [1, 2], "num_stages": 2}),
    "resnet": ("ResNetConfig", "ResNetForImageClassification", classes, {"embedding_size": 16, "hidden_sizes": [16, 32], "depths": [1, 2]}),
    "regnet": ("RegNetConfig", "RegNetForImageClassification", classes, {"embedding_size": 16, "hidden_sizes": [16, 32], "depths": [1, 2], "groups_width": 8}),
    "poolformer": ("PoolFormerConfig", "PoolFormerForImageClassification", partial(classes, (4, 3, 64, 64)), {"hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1]}),
    "mobilenet-v2": ("MobileNetV2Config", "MobileNetV2ForImageClassification", classes, {"depth_multiplier": 0.25}),
    "segformer": ("SegformerConfig", "SegformerForImageClassification", partial(classes, (4, 3, 64, 64)), {"hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2], "decoder_hidden_size": 32}),
    "vit-mae": ("ViTMAEConfig", "ViTMAEForPreTraining", pixels, {**VISION, "decoder_hidden_size": 32, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 4, "decoder_intermediate_size": 64}),
    "clip-vision": ("CLIPVisionConfig", "CLIPVisionModel", pixels, VISION),
    "siglip-vision": ("SiglipVisionConfig", "SiglipVisionModel", pixels, VISION),
    "whisper": ("WhisperConfig", "WhisperForConditionalGeneration", speech, {**SEQ, "num_mel_bins": 16, "max_source_positions": 30, "max_target_positions": 32}),
    "wav2vec2": ("Wav2Vec2Config", "Wav2Vec2Model", wave, AUDIO),
    "hubert": ("HubertConfig", "HubertModel", wave, AUDIO),
    "data2vec-audio": ("Data2VecAudioConfig", "Data2VecAudioModel", wave, {**AUDIO, "num_conv_pos_embeddings": 2}),
    "ast": ("ASTConfig", "ASTForAudioClassification", lambda: {"input_values": torch.randn(4, 32, 16), "labels": torch.randint(0, 2, (4,))}, {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "patch_size": 8, "frequency_stride": 8, "time_stride": 8, "max_length": 32, "num_mel_bins": 16}),
    "efficientnet": ("EfficientNetConfig", "EfficientNetForImageClassification", partial(classes, (2, 3, 64, 64)), {"image_size": 64}),
}  # fmt: skip
ARCHITECTURES: dict[str, Callable[[], Made]] = {
    name: partial(build, config, model, inputs, **settings)
    for name, (config, model, inputs, settings) in ROWS.items()
}
