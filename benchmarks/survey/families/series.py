"""Time series: neuralforecast's networks and tsai's classifiers."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from survey.models import Batch, add
from survey.tasks import first, series, waves

Build = Callable[[], nn.Module]


def window(seed: int) -> Batch:
    """24 steps of a wave in the form neuralforecast hands to its networks; 8 more to be told."""
    both, _ = waves(32, 1, 16, seed)
    past = both[:, :24].contiguous()
    given = {
        "insample_y": past,
        "insample_mask": torch.ones_like(past),
        "hist_exog": None,
        "futr_exog": None,
        "stat_exog": None,
    }
    return (given,), lambda output: functional.mse_loss(
        first(output).reshape(16, -1)[:, -8:], both[:, 24:, 0]
    )


def forecaster(name: str, **options: Any) -> Build:
    """A network of neuralforecast."""

    def build() -> nn.Module:
        make = getattr(import_module("neuralforecast.models"), name)
        loss = import_module("neuralforecast.losses.pytorch").MSE()
        with contextlib.redirect_stderr(io.StringIO()):
            return make(h=8, input_size=24, loss=loss, alias=name, **options)

    return build


_SMALL = {"hidden_size": 32, "n_head": 4, "encoder_layers": 2, "decoder_layers": 1, "conv_hidden_size": 32}
add("neuralforecast", {
    "MLP": forecaster("MLP", hidden_size=64, num_layers=3), "NBEATS": forecaster("NBEATS", mlp_units=[[32, 32]] * 3),
    "NHITS": forecaster("NHITS", mlp_units=[[32, 32]] * 3), "TCN": forecaster("TCN", encoder_hidden_size=32, decoder_hidden_size=32),
    "LSTM": forecaster("LSTM", encoder_hidden_size=32, decoder_hidden_size=32), "GRU": forecaster("GRU", encoder_hidden_size=32, decoder_hidden_size=32),
    "DilatedRNN": forecaster("DilatedRNN", encoder_hidden_size=32, decoder_hidden_size=32), "TiDE": forecaster("TiDE", hidden_size=32, decoder_output_dim=8, temporal_decoder_dim=16),
    "BiTCN": forecaster("BiTCN", hidden_size=16), "TFT": forecaster("TFT", hidden_size=32), "PatchTST": forecaster("PatchTST", hidden_size=32, n_heads=4, linear_hidden_size=64, encoder_layers=2, patch_len=8, stride=4),
    "VanillaTransformer": forecaster("VanillaTransformer", **_SMALL), "Informer": forecaster("Informer", **_SMALL),
    "Autoformer": forecaster("Autoformer", **_SMALL), "FEDformer": forecaster("FEDformer", hidden_size=32, encoder_layers=2, decoder_layers=1, conv_hidden_size=32, n_head=8, modes=4),
    "TimesNet": forecaster("TimesNet", hidden_size=16, conv_hidden_size=16, encoder_layers=1), "DLinear": forecaster("DLinear"), "KAN": forecaster("KAN", hidden_size=32),
    "xLSTM": forecaster("xLSTM", encoder_hidden_size=32, encoder_n_blocks=1, decoder_hidden_size=32),
    "DeepNPTS": forecaster("DeepNPTS", hidden_size=32),
}, window)  # fmt: skip


def classifier(name: str, *options: Any, **more: Any) -> Build:
    """A network of tsai: (channels, classes[, length])."""
    return lambda: getattr(import_module("tsai.models.all"), name)(*options, **more)


add("tsai", {
    "InceptionTime": classifier("InceptionTime", 4, 10, nf=8), "ResNet": classifier("ResNet", 4, 10), "FCN": classifier("FCN", 4, 10),
    "XceptionTime": classifier("XceptionTime", 4, 10, nf=8), "OmniScaleCNN": classifier("OmniScaleCNN", 4, 10, 32),
    "TST": classifier("TST", 4, 10, 32, n_layers=2, d_model=32, n_heads=4, d_ff=64), "LSTM_FCN": classifier("LSTM_FCN", 4, 10, 32, hidden_size=32),
    "TCN": classifier("TCN", 4, 10, layers=[16] * 4), "gMLP": classifier("gMLP", 4, 10, 32, patch_size=4, d_model=32, d_ffn=64, depth=4),
    "mWDN": classifier("mWDN", 4, 10, 32), "XCM": classifier("XCM", 4, 10, 32), "TSiT": classifier("TSiTPlus", 4, 10, 32, n_layers=2, d_model=32, n_heads=4),
    "ResCNN": classifier("ResCNN", 4, 10), "xresnet1d18": classifier("xresnet1d18", 4, 10), "TransformerModel": classifier("TransformerModel", 4, 10, d_model=32, n_head=4, d_ffn=64, n_layers=2),
    "GRUAttention": classifier("GRUAttention", 4, 10, 32, hidden_size=32, d_model=32, n_heads=4, d_ff=64, encoder_layers=2),
}, series(32, 4, 16, axis=2))  # fmt: skip
