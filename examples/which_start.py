# %% [markdown]
# # Which start is best for my model?
#
# A plain network of eight layers on real handwritten digits, trained from four starts: its library's own, isogain's,
# He's, and a small one. The trial chooses a learning rate for each, trains all of them on the same batches, and says
# what can be told apart.

# %%
import torch
from sklearn.datasets import load_digits
from torch import nn

import isogain.torch as igt

images, labels = load_digits(return_X_y=True)
data = ((images / 16).astype("float32"), labels)


def build() -> nn.Module:
    """Eight layers without normalization: where the start decides."""
    hidden = [part for _ in range(6) for part in (nn.Linear(48, 48), nn.ReLU())]
    return nn.Sequential(nn.Linear(64, 48), nn.ReLU(), *hidden, nn.Linear(48, 10))


def small(model: nn.Module, seed: int) -> None:
    """Every weight from N(0, .01^2)."""
    torch.manual_seed(seed)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.01)


# %% [markdown]
# Two rates, three seeds, sixty updates: seconds. For your own model, take more of each, or give a `budget`.

# %%
trial = igt.trial(
    build,
    data,
    {"own": "own", "init_": "init_", "He": "he_normal", "std .01": small},
    loss="cross_entropy",
    metric="accuracy",
    optimizers="sgd",
    rates=(0.03, 0.1),
    steps=60,
    seeds=3,
    workers=1,
    results=None,
)
print(trial)

# %% [markdown]
# What `inspect` saw before training, beside what came of it.

# %%
for one in trial.judged.standings:
    print(one.start, "|", trial.looks[one.start].verdict, "|", one.place, "|", one.score.written(".2f"))

# %% [markdown]
# The same in a picture, in a table, and for a search of your own.

# %%
trial.figure("curves")

# %%
trial.to_frame().groupby(["start", "rate"]).score.mean()

# %%
trial.objective("He", rate=0.1, seed=7)
