"""Image networks run pixel by pixel come to what the same networks come to plane by plane."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import isogain.torch as igt
from isogain.torch.trial.batches import source_of
from isogain.torch.trial.pixelwise import pixelwise, pixelwise_model
from trial_problems import CLASSES


def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(80, 1, 8, 8, generator=generator), torch.arange(80) % CLASSES


def convolving():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, CLASSES),
    )  # fmt: skip


def test_losses_are_those_of_a_plain_loop():
    found = igt.trial(
        convolving, images(), ("own",), loss="cross_entropy", optimizers="sgd", rates=0.1, steps=8, seeds=(3,),
        batch_size=16, workers=1, progress=False, results=None,
    )  # fmt: skip
    torch.manual_seed(3)
    model, batches = convolving(), source_of(images(), 16).stream(3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(8):
        x, y = next(batches)
        loss = nn.functional.cross_entropy(model(x), y)
        assert found.runs[0].losses[step] == pytest.approx(loss.item(), rel=1e-4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_gradients_stay_pixel_by_pixel_behind_a_flattening():
    """What reaches max pooling on its way back, which goes on in that layout."""
    model, (x, _) = pixelwise_model(convolving()), images()
    layouts = []

    def watch(module, given, output):
        output.grad_fn.register_prehook(
            lambda grads: layouts.append(grads[0].is_contiguous(memory_format=torch.channels_last))
        )

    for module in model.modules():
        if isinstance(module, nn.MaxPool2d):
            module.register_forward_hook(watch)
    model(pixelwise(x)).sum().backward()
    assert layouts == [True, True]
