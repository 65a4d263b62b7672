"""The rows of the table: what is trained, how long, from which starts, and what must be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from torch import nn

from starting import modern, plain, tasks
from starting.tasks import Task

SGD = (1e-3, 3e-3, 1e-2)
ADAMW = (1e-4, 3e-4, 1e-3)
DEEP = (1e-4, 3e-4, 1e-3)
OTHERS = list(plain.ACTIVATIONS)[6:]
"""Activations that are trained after the others."""
THREE = {"sgd": 3, "adamw": 3}
"""Seeds that choose the rate where starts must come out level."""
PLAIN = ("isogain", "default", "xavier", "kaiming", "orthogonal", "LSUV", "AutoInit")


@dataclass(frozen=True)
class Row:
    """One line of the table for each of its optimizers."""

    name: str
    title: str
    goal: str
    model: Callable[[], nn.Module]
    task: Callable[[], Task]
    starts: tuple[str, ...]
    reach: float | None = None
    """The test accuracy that isogain has to reach; None: no worse than the other starts."""
    every: bool = False
    """Whether each seed has to reach it, not the mean."""
    best: bool = False
    """Whether no other start may do better, besides."""
    rates: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: {"sgd": SGD, "adamw": ADAMW})
    updates: int = 200
    batch: int = 128
    choosers: Mapping[str, int] = field(default_factory=dict)
    """By optimizer, how many seeds are trained at every rate; their mean validation score chooses it (1)."""


def _digits(activation: str) -> Row:
    bent = activation in ("elu", "selu", "celu")
    every = not bent and activation not in ("sigmoid", "tanh", "erf", "sin")
    reach = 0.9 if bent else 0.6 if activation == "sigmoid" else 0.95
    goal = f"≥ {reach:.2f}" + (", the best" if bent else ", every seed" if every else "")
    return Row(
        f"digits-{activation}", f"digits, 50 × 128 plain, {activation}", goal,
        partial(plain.stack, activation, 50, 128), tasks.digits, PLAIN, reach, every, bent,
        {"sgd": SGD, "adamw": ADAMW}, choosers={"adamw": 3},
    )  # fmt: skip


def _very_deep(activation: str, *starts: str) -> Row:
    return Row(
        f"digits500-{activation}", f"digits, 500 × 64 plain, {activation}", "≥ 0.93",
        partial(plain.stack, activation, 500, 64), tasks.digits,
        ("isogain", *starts), 0.93, rates={"sgd": DEEP},
    )  # fmt: skip


def _against(
    name: str, title: str, model: Callable[[], nn.Module], task: Callable[[], Task], **more: object
) -> Row:
    """A row whose goal is not to be worse than the model's own start."""
    settings: dict[str, object] = {"starts": ("isogain", "default"), "updates": 150, "batch": 64}
    settings["rates"] = {"adamw": (1e-3, 3e-3, 1e-2)}
    return Row(name, title, "≥ default", model, task, **{**settings, **more})  # type: ignore[arg-type]


TITLES = {"pre": "pre-norm", "post": "post-norm", "none": "no norm"}


def _characters(norm: modern.Norm) -> Row:
    goal = "≤ GPT-2" if norm == "pre" else "trains, ≤ GPT-2"
    return Row(
        f"transformer-{norm}", f"transformer, 24 blocks, {TITLES[norm]}, characters (loss)", goal,
        lambda: modern.CharacterModel(tasks.alphabet_size(), norm), tasks.text,
        ("isogain", "default", "GPT-2"), rates={"adamw": (3e-4, 1e-3, 3e-3)}, updates=120, batch=8,
    )  # fmt: skip


def _recurrent(name: str, cell: type[nn.RNNBase], copying: bool) -> Row:
    inputs, classes = (10, 10) if copying else (1, 10)
    task = "copy, T = 100 (loss)" if copying else "sequential digits"
    return Row(
        f"{name}-{'copy' if copying else 'digits'}",
        f"{'LSTM' if name == 'lstm' else 'tanh RNN'}, {task}",
        "≥ default, orthogonal",
        lambda: plain.Recurrent(cell, inputs, 64, classes, copying),
        tasks.copying if copying else tasks.digit_sequence,
        ("isogain", "default", "recurrent orthogonal"),
        rates={"adamw": (1e-3, 3e-3, 1e-2)}, batch=64, choosers={"adamw": 3},
    )  # fmt: skip


ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        *(_digits(activation) for activation in plain.ACTIVATIONS),
        _very_deep("relu", *PLAIN[1:]),
        _very_deep("gelu", "orthogonal"),
        Row(
            "mnist-cnn50", "MNIST, plain CNN of 50 convolutions", "≥ 0.95", plain.convolutions, tasks.mnist,
            ("isogain", "default", "kaiming", "orthogonal"), 0.95,
            rates={"sgd": (1e-3, 3e-3)}, updates=1600, batch=32,
        ),
        Row(
            "residual-100", "residual network, 100 blocks, no normalization", "≥ default, Fixup",
            plain.ResidualStack, tasks.digits, ("isogain", "default", "kaiming", "Fixup"),
            rates={"sgd": (3e-4, *SGD, 3e-2)},
        ),
        *(_characters(norm) for norm in ("pre", "post", "none")),
        _against("mlp-2", "2-layer MLP, digits", partial(plain.stack, "relu", 2, 128), tasks.digits,
                 rates={"sgd": (1e-2, 3e-2, 1e-1), "adamw": (1e-3, 3e-3, 1e-2)}, choosers=THREE),
        _against("resnet-bn", "ResNet with batch normalization, digits", plain.ResNet, tasks.digit_images,
                 rates={"sgd": (3e-2, 1e-1, 3e-1)}, choosers=THREE),
        _against("efficientnet", "transformers' EfficientNet", modern.efficientnet, tasks.digit_colours,
                 updates=100, batch=16),
        _against("autoencoder", "autoencoder, 8 layers, tanh (loss)", modern.autoencoder,
                 tasks.reconstruction),
        _against("generator", "transposed-convolution generator (loss)", modern.generator,
                 tasks.generation),
        _against("unet", "U-Net, denoising (loss)", modern.UNet, partial(tasks.reconstruction, 1.0, True)),
        _against("mixer", "MLP-Mixer, 4 blocks", modern.Mixer, tasks.digit_images),
        _against("convnext", "transformers' ConvNeXt", modern.convnext, partial(tasks.digit_colours, 8)),
        _against("experts", "mixture of experts, 4 blocks", modern.mixture, tasks.digits),
        _against("vit", "transformers' ViT", modern.vit, partial(tasks.digit_colours, 8)),
        _against("mamba", "transformers' Mamba, characters (loss)",
                 lambda: modern.mamba(tasks.alphabet_size()), tasks.text, updates=60, batch=8),
        *(_recurrent(name, cell, copying) for copying in (False, True)
          for name, cell in (("lstm", nn.LSTM), ("rnn", nn.RNN))),
        _against("lstm-text", "LSTM of two layers, characters (loss)",
                 lambda: plain.CharacterLSTM(tasks.alphabet_size()), tasks.text, batch=16,
                 starts=("isogain", "default", "recurrent orthogonal"), choosers={"adamw": 3}),
    )
}  # fmt: skip

LATER = {f"digits-{activation}" for activation in OTHERS}
"""Rows that can wait: the first six say nearly all of it."""
SLOW = {"digits500-relu", "digits500-gelu", "mnist-cnn50"}
