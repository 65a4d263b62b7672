"""Image networks run pixel by pixel come to what the same networks come to plane by plane."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import isogain.torch as igt
from isogain.torch.trial.batches import source_of
from isogain.torch.trial.optimizers import optimizers_of
from isogain.torch.trial.pixelwise import pixelwise, pixelwise_model
from isogain.torch.trial.preparing import checked
from isogain.torch.trial.problem import Problem, Start, measure_of, named_loss
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


def test_pooling_before_a_relu_changes_no_bit():
    """Where a window is all negative, too: its gradient is 0 whichever came first."""
    torch.manual_seed(2)
    plain = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    torch.manual_seed(2)
    model = pixelwise_model(nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)))
    assert [type(layer) for layer in model] == [nn.Conv2d, nn.MaxPool2d, nn.ReLU]
    x, given = images()[0], []
    for network, batch in (
        (plain.to(memory_format=torch.channels_last), pixelwise(x)),
        (model, pixelwise(x)),
    ):
        values = network[0](batch).detach().requires_grad_()
        out = network[1:](values)
        out.backward(torch.ones_like(out))
        given.append((out.detach(), values.grad))
    (first, gradient), (second, other) = given
    assert (first == 0).float().mean() > 0.05
    assert torch.equal(first, second)
    assert torch.equal(gradient, other)


class Reads(nn.Module):
    """Takes what its ReLU gives; its head begins at zero, so no loss tells."""

    def __init__(self):
        super().__init__()
        self.layers, self.head = convolving()[:3], nn.Linear(8, CLASSES)
        nn.init.zeros_(self.head.weight)

    def forward(self, x):
        return self.head(self.layers[:2](x).mean((2, 3)))


@pytest.mark.parametrize(("build", "fast"), [(convolving, True), (Reads, False)])
def test_an_order_that_a_model_reads_is_kept(build, fast):
    problem = Problem(
        build=build, data=source_of(images(), 16), judged_by=None, loss=named_loss("cross_entropy"),
        measure=measure_of("accuracy", None), steps=4, starts=(Start("own", "own"),),
        optimizers=optimizers_of("sgd"),
    )  # fmt: skip
    assert checked(problem, 3).channels_last is fast
