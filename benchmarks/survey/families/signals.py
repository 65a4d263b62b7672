"""Speech, music and brain signals: speechbrain, asteroid, demucs, encodec, braindecode."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from survey.models import Batch, Task, add
from survey.tasks import first, series, waves

Build = Callable[[], nn.Module]


def brain(module: str, name: str, *options: Any, **more: Any) -> Build:
    """A class of speechbrain.lobes.models or speechbrain.nnet."""
    return lambda: getattr(import_module(f"speechbrain.{module}"), name)(*options, **more)


def pooled(output: Any) -> torch.Tensor:
    """Logits from the first ten numbers of what comes out, over time."""
    value = first(output)
    return value.flatten(1, -2).mean(1)[:, :10] if value.dim() > 2 else value[:, :10]


add("speechbrain", {
    "ECAPA": brain("lobes.models.ECAPA_TDNN", "ECAPA_TDNN", 20, channels=[32, 32, 32, 32, 96], attention_channels=16, lin_neurons=32),
    "Xvector": brain("lobes.models.Xvector", "Xvector", in_channels=20, tdnn_channels=[32, 32, 32, 32, 64], lin_neurons=32),
    "CRDNN": brain("lobes.models.CRDNN", "CRDNN", input_size=20, cnn_blocks=1, cnn_channels=[8], rnn_layers=1, rnn_neurons=32, dnn_blocks=1, dnn_neurons=32),
    "VanillaNN": brain("lobes.models.VanillaNN", "VanillaNN", input_shape=(16, 32, 20), dnn_blocks=4, dnn_neurons=32),
    "LiGRU": brain("nnet.RNN", "LiGRU", hidden_size=32, input_shape=(16, 32, 20), num_layers=2),
    "QuasiRNN": brain("nnet.RNN", "QuasiRNN", hidden_size=32, input_shape=(16, 32, 20), num_layers=2),
    "Conformer": brain("lobes.models.transformer.Conformer", "ConformerEncoder", num_layers=2, d_model=20, d_ffn=40, nhead=4, attention_type="regularMHA", kernel_size=5),
}, series(32, 20, 16, take=pooled))  # fmt: skip


def sound(length: int = 512, batch: int = 2, channels: int = 1, flat: bool = False) -> Task:
    """A wave, to be given back."""

    def task(seed: int) -> Batch:
        given = waves(length, channels, batch, seed)[0].movedim(1, 2).contiguous()
        given = given[:, 0] if flat else given

        def loss(output: Any) -> torch.Tensor:
            value = first(output)
            return functional.mse_loss(
                value.reshape(batch, -1, value.shape[-1])[:, 0, :length],
                given.reshape(batch, -1, length)[:, 0],
            )

        return given, loss

    return task


def vocoder(seed: int) -> Batch:
    """A wave from noise of 20 channels that tells its frequency."""
    frames = waves(16, 20, 2, seed)[0].movedim(1, 2).contiguous()
    target = 0.5 * frames[:, :1].repeat_interleave(16, 2)
    return frames, lambda output: functional.mse_loss(first(output)[..., :256], target)


add("speechbrain", {"HifiGAN": brain("lobes.models.HifiGAN", "HifiganGenerator", 20, 1, "1", [[1, 3, 5]] * 2, [3, 7], [8, 8], 32, [4, 4],
                                     inference_padding=0)}, vocoder)  # fmt: skip


def asteroid(name: str, **options: Any) -> Build:
    return lambda: getattr(import_module("asteroid.models"), name)(**options)


add("asteroid", {
    "ConvTasNet": asteroid("ConvTasNet", n_src=1, n_filters=32, kernel_size=16, stride=8, n_blocks=3, n_repeats=1, bn_chan=16, hid_chan=32, skip_chan=16),
    "DPRNNTasNet": asteroid("DPRNNTasNet", n_src=1, n_filters=32, kernel_size=16, stride=8, bn_chan=16, hid_size=16, chunk_size=20, n_repeats=1),
    "SuDORMRFNet": asteroid("SuDORMRFNet", n_src=1, bn_chan=16, num_blocks=2, upsampling_depth=2, kernel_size=21, n_filters=32),
}, sound())  # fmt: skip
add("encodec", {"EncodecModel": lambda: import_module("encodec.model").EncodecModel(
    import_module("encodec.modules").SEANetEncoder(n_filters=4, dimension=16, ratios=[4, 2], lstm=1),
    import_module("encodec.modules").SEANetDecoder(n_filters=4, dimension=16, ratios=[4, 2], lstm=1),
    import_module("encodec.quantization").ResidualVectorQuantizer(dimension=16, n_q=2, bins=32),
    [6.0], 800, 1)}, sound(512))  # fmt: skip
add("demucs", {"Demucs": lambda: import_module("demucs.demucs").Demucs(
    ["a"], audio_channels=1, channels=8, depth=3, resample=False)}, sound(512))  # fmt: skip


def eeg(name: str, **options: Any) -> Build:
    """A classifier of braindecode: 8 electrodes, 512 samples."""
    return lambda: getattr(import_module("braindecode.models"), name)(
        n_chans=8, n_outputs=10, n_times=512, sfreq=128, **options
    )


add("braindecode", {n: eeg(n) for n in ("EEGNet", "Deep4Net", "ShallowFBCSPNet", "EEGConformer", "ATCNet", "EEGNeX", "TSception", "EEGTCNet", "SPARCNet", "ContraWR")},
    series(512, 8, 8, axis=2))  # fmt: skip
