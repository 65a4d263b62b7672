# %% [markdown]
# # The classics
#
# Activations of five layers from four starts, on shared axes; then digits from three starts. Standard deviation 0.01, Xavier
# and He are the starts that the textbooks compare.

# %%
import matplotlib.pyplot as plt
import numpy as np

import isogain as ig

inputs = np.random.default_rng(0).normal(size=(1000, 100)).astype("float32")
STARTS = {
    "std 1": ig.Normal(std=1.0),
    "std 0.01": ig.Normal(std=0.01),
    "Xavier": ig.get("glorot_normal"),
    "He": ig.get("he_normal"),
}
ACTIVATIONS = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "ReLU": lambda z: np.maximum(z, 0),
}


def activations(start, function):
    """The values behind each of five layers of 100."""
    signal = inputs
    for k in range(5):
        signal = function(signal @ ig.draw(start, (100, 100), seed=0, path=f"layer{k}"))
        yield signal


# %% [markdown]
# ## One picture for each activation
#
# All histograms of a picture share their axes: only so one sees values pile up at the ends (too large), at one half or 0 (too
# small), or keep their breadth.

# %%
for name, function in ACTIVATIONS.items():
    figure, axes = plt.subplots(4, 5, figsize=(11, 7), sharex=True, sharey=True)
    low = -1.05 if name == "tanh" else -0.05
    for row, (start, initializer) in zip(axes, STARTS.items(), strict=True):
        row[0].set_ylabel(start)
        for k, (axis, values) in enumerate(
            zip(row, activations(initializer, function), strict=True), start=1
        ):
            axis.hist(values.ravel(), bins=np.linspace(low, 1.05, 36), density=False, color="#1d4e6b")
            axis.set_ylim(0, 40_000)
            axes[0][k - 1].set_title(f"layer {k}")
    figure.suptitle(name)
    figure.supxlabel("activation")
    figure.tight_layout()
    plt.show()

# %% [markdown]
# ## What the histograms say in one number

# %%
for name, function in ACTIVATIONS.items():
    for start, initializer in STARTS.items():
        spread = [f"{values.std():9.3g}" for values in activations(initializer, function)]
        print(f"{name:8} {start:9}", *spread)

# %% [markdown]
# ## Digits from three starts
#
# The lab's experiment, shortened: three seeds, the same batches for all.

# %%
from isogain import lab

(outcome,) = lab.run("mnist-training", quick=True, seeds=2)
print(outcome.answer)
for claim in outcome.claims:
    print(claim.verdict, "|", claim.claim)
