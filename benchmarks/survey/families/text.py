"""Language models of small libraries: x-transformers, xlstm, mambapy, fla and others."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from survey.models import Batch, add
from survey.tasks import language, text

Build = Callable[[], nn.Module]


def decoder(**options: Any) -> Build:
    """A causal transformer of x-transformers."""

    def build() -> nn.Module:
        x = import_module("x_transformers")
        wrapper = {k: options[k] for k in list(options) if k in WRAPPER}
        layers = x.Decoder(dim=64, depth=6, heads=4, **{k: v for k, v in options.items() if k not in WRAPPER})
        return x.TransformerWrapper(num_tokens=128, max_seq_len=64, attn_layers=layers, **wrapper)

    return build


WRAPPER = (
    "scaled_sinu_pos_emb",
    "emb_frac_gradient",
    "num_memory_tokens",
    "post_emb_norm",
    "l2norm_embed",
    "use_abs_pos_emb",
)
X_TRANSFORMERS = {
    "plain": {}, "post_norm": {"pre_norm": False}, "sandwich": {"sandwich_norm": True}, "rmsnorm": {"use_rmsnorm": True},
    "layerscale_small": {"use_layerscale": True, "layerscale_init_value": 1e-4}, "scale_residual": {"scale_residual": True}, "rotary": {"rotary_pos_emb": True},
    "alibi": {"alibi_pos_bias": True, "alibi_num_heads": 4}, "swiglu": {"ff_glu": True, "ff_swish": True}, "relu_squared": {"ff_relu_squared": True},
    "qk_norm": {"attn_qk_norm": True}, "talking_heads": {"attn_pre_talking_heads": True}, "gate_residual": {"gate_residual": True},
    "t5_bias": {"rel_pos_bias": True}, "layerscale": {"use_layerscale": True}, "one_kv_head": {"attn_one_kv_head": True},
    "no_bias_sinusoidal": {"scaled_sinu_pos_emb": True, "ff_no_bias": True}, "memory_tokens": {"num_memory_tokens": 4},
    "l2norm_embed": {"l2norm_embed": True}, "zero_init_branch": {"zero_init_branch_output": True},
    "hyper_connections": {"num_residual_streams": 4}, "shift_tokens": {"shift_tokens": 1},
    "gate_values": {"attn_gate_values": True}, "simple_rmsnorm_deep": {"use_simple_rmsnorm": True},
}  # fmt: skip
add("x-transformers", {name: decoder(**options) for name, options in X_TRANSFORMERS.items()}, language(32))


def translation(seed: int) -> Batch:
    """The text given back through an encoder and a decoder that returns its loss."""
    given = text(24, 16, seed)
    return (given, given), lambda output: output


def encoder_decoder() -> nn.Module:
    return import_module("x_transformers").XTransformer(
        dim=64, enc_num_tokens=128, enc_depth=3, enc_heads=4, enc_max_seq_len=32, dec_num_tokens=128, dec_depth=3,
        dec_heads=4, dec_max_seq_len=32, tie_token_emb=True,
    )  # fmt: skip


add("x-transformers", {"XTransformer": encoder_decoder}, translation)


def xlstm(slstm_at: list[int]) -> Build:
    """A stack of mLSTM and sLSTM blocks."""

    def build() -> nn.Module:
        x = import_module("xlstm")
        inner = x.mLSTMBlockConfig(
            mlstm=x.mLSTMLayerConfig(conv1d_kernel_size=4, qkv_proj_blocksize=4, num_heads=4)
        )
        cell = x.sLSTMBlockConfig(
            slstm=x.sLSTMLayerConfig(backend="vanilla", num_heads=4, conv1d_kernel_size=4, bias_init="powerlaw_blockdependent"),
            feedforward=x.FeedForwardConfig(proj_factor=1.3, act_fn="gelu"),
        )  # fmt: skip
        config = x.xLSTMBlockStackConfig(
            mlstm_block=inner,
            slstm_block=cell,
            context_length=32,
            num_blocks=4,
            embedding_dim=64,
            slstm_at=slstm_at,
        )
        return nn.Sequential(nn.Embedding(128, 64), x.xLSTMBlockStack(config), nn.Linear(64, 128))

    return build


add("xlstm", {"mLSTM": xlstm([]), "mLSTM_sLSTM": xlstm([1, 3])}, language(32, 8))


def between(middle: Callable[[], nn.Module], width: int = 64) -> Build:
    """A block between an embedding and a head."""
    return lambda: nn.Sequential(nn.Embedding(128, width), middle(), nn.Linear(width, 128))


def mambapy(module: str, kind: str, config: str, **options: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        found = import_module(f"mambapy.{module}")
        return getattr(found, kind)(getattr(found, config)(d_model=64, n_layers=4, **options))

    return build


add("mambapy", {"Mamba": between(mambapy("mamba", "Mamba", "MambaConfig"))}, language(32, 8))

LUCID = {
    "performer-pytorch": ("performer_pytorch", "PerformerLM", {"dim_head": 16, "causal": True, "heads": 4, "max_seq_len": 32}),
    "reformer-pytorch": ("reformer_pytorch", "ReformerLM", {"heads": 4, "causal": True, "max_seq_len": 32, "bucket_size": 8}),
    "linear-attention-transformer": ("linear_attention_transformer", "LinearAttentionTransformerLM",
                                     {"heads": 4, "causal": True, "max_seq_len": 32}),
    "local-attention": ("local_attention", "LocalTransformer", {"heads": 4, "dim_head": 16, "causal": True, "max_seq_len": 32,
                                                                    "local_attn_window_size": 8}),
}  # fmt: skip


def lucid(module: str, kind: str, options: dict[str, Any]) -> Build:
    return lambda: getattr(import_module(module), kind)(num_tokens=128, dim=64, depth=4, **options)


for _library, (_module, _kind, _options) in LUCID.items():
    add(_library, {_kind: lucid(_module, _kind, _options)}, language(32, 8))


def hugging_face(config: str, **options: Any) -> Build:
    """A tiny language model of transformers from its configuration."""

    def build() -> nn.Module:
        t = import_module("transformers")
        made = getattr(t, config)(**options)
        return t.AutoModelForCausalLM.from_config(made)

    return build


def predicted(seed: int) -> Batch:
    """The next letter, with the model's own logits."""
    both = text(33, 8, seed)
    target = both[:, 1:].flatten()
    return {"input_ids": both[:, :-1].contiguous()}, lambda o: functional.cross_entropy(
        o.logits.flatten(0, 1), target
    )


_SIZES = {
    "vocab_size": 128,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}
_SMALL = {**_SIZES, "num_key_value_heads": 2, "max_position_embeddings": 64}
HUGGING_FACE: dict[str, dict[str, Any]] = {
    "LlamaConfig": _SMALL, "Qwen2Config": _SMALL, "Qwen3Config": _SMALL, "GemmaConfig": _SMALL | {"head_dim": 16},
    "Gemma2Config": _SMALL | {"head_dim": 16}, "PhiConfig": _SMALL, "OlmoConfig": _SMALL, "Olmo2Config": _SMALL,
    "MistralConfig": _SMALL, "CohereConfig": _SMALL, "StableLmConfig": _SMALL, "GraniteConfig": _SMALL,
    "GPTNeoXConfig": _SIZES, "GPT2Config": {"vocab_size": 128, "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 64},
    "BloomConfig": {"vocab_size": 128, "hidden_size": 64, "n_layer": 3, "n_head": 4},
    "OPTConfig": {"vocab_size": 128, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "ffn_dim": 128,
                      "word_embed_proj_dim": 64, "max_position_embeddings": 64},
    "MambaConfig": {"vocab_size": 128, "hidden_size": 64, "num_hidden_layers": 3, "state_size": 8},
    "RwkvConfig": {"vocab_size": 128, "hidden_size": 64, "num_hidden_layers": 3, "context_length": 64},
    "MixtralConfig": _SMALL | {"num_local_experts": 4},
    "FalconConfig": {"vocab_size": 128, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4},
    "XGLMConfig": {"vocab_size": 128, "d_model": 64, "num_layers": 3, "attention_heads": 4, "ffn_dim": 128},
    "CTRLConfig": {"vocab_size": 128, "n_embd": 64, "n_layer": 3, "n_head": 4, "dff": 128, "n_positions": 64},
}  # fmt: skip
add("transformers", {name.removesuffix("Config"): hugging_face(name, **options) for name, options in HUGGING_FACE.items()},
    predicted)  # fmt: skip


def masked(config: str, **options: Any) -> Build:
    """A tiny encoder of transformers with its head for masked words."""

    def build() -> nn.Module:
        t = import_module("transformers")
        return t.AutoModelForMaskedLM.from_config(getattr(t, config)(**options))

    return build


def restored(seed: int) -> Batch:
    """Every tenth letter is hidden; the loss is of those alone."""
    whole = text(32, 8, seed)
    hidden = torch.zeros_like(whole, dtype=torch.bool)
    hidden[:, ::10] = True
    given = whole.masked_fill(hidden, 3)
    return {"input_ids": given}, lambda o: functional.cross_entropy(o.logits[hidden], whole[hidden])


_ENCODER = _SIZES | {"max_position_embeddings": 64}
add("transformers", {
    "Bert": masked("BertConfig", **_ENCODER), "Roberta": masked("RobertaConfig", **_ENCODER),
    "Electra": masked("ElectraConfig", **_ENCODER, embedding_size=32), "Albert": masked("AlbertConfig", **_ENCODER, embedding_size=32),
    "DistilBert": masked("DistilBertConfig", vocab_size=128, dim=64, n_layers=3, n_heads=4, hidden_dim=128),
    "Deberta": masked("DebertaV2Config", **_ENCODER), "MobileBert": masked("MobileBertConfig", **_ENCODER | {"embedding_size": 32, "intra_bottleneck_size": 32}),
    "FNet": masked("FNetConfig", **_ENCODER), "ModernBert": masked("ModernBertConfig", **_ENCODER, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2),
    "ConvBert": masked("ConvBertConfig", **_ENCODER, embedding_size=32),
}, restored)  # fmt: skip
