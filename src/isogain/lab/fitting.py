"""Whether an experiment's networks fit its data: said before anything is trained."""

from __future__ import annotations

from isogain.errors import LabError
from isogain.lab.datasets import Dataset
from isogain.lab.spec import Experiment, Network

__all__ = ["check_fits"]


def check_fits(experiment: Experiment, data: Dataset) -> None:
    """Raise LabError for a network that cannot read the inputs, or has too few outputs for the labels."""
    classes = int(data.train_labels.max(initial=0)) + 1
    for arm in experiment.arms:
        problem = _inputs(arm.network, data) or _outputs(arm.network, data, classes)
        if problem:
            raise LabError(f"experiment {experiment.name!r}, arm {arm.label!r}: {problem}")


def _inputs(network: Network, data: Dataset) -> str:
    if network.sizes[0] == data.features:
        return ""
    right = (data.features, *network.sizes[1:])
    return (
        f"{data.title} has {data.features} inputs, the network {network.sizes[0]}: sizes={right}, or with "
        "lab.run an axis of your own, widths=100, say, which fits the network to the data"
    )


def _outputs(network: Network, data: Dataset, classes: int) -> str:
    outputs = network.sizes[-1]
    if network.loss == "softmax" and outputs < classes:
        right = (*network.sizes[:-1], classes)
        return (
            f"labels of {data.title} go up to {classes - 1}, and there are {outputs} outputs: sizes={right}"
        )
    if network.loss == "logistic" and (outputs != 1 or classes > 2):
        return f"a logistic loss is of one output and two classes; there are {outputs} and {classes}"
    return ""
