# %% [markdown]
# # Your own model
#
# A convolutional network of your own: look at its start, mend it, train it at the rate that belongs to it, compare.

# %%
import copy

import torch
from sklearn.datasets import load_digits
from torch import nn

import isogain.torch as igt

torch.manual_seed(0)
torch.set_num_threads(1)
images, labels = map(torch.tensor, load_digits(return_X_y=True))
images = (images.float() / 8 - 1).reshape(-1, 1, 8, 8)
batch, targets = images[:128], labels[:128]


class Network(nn.Module):
    """Sixteen convolutions without normalization or skips."""

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(15))
        self.head = nn.Linear(channels, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        for layer in self.body:
            x = torch.relu(layer(x))
        return self.head(x.mean((2, 3)))


def loss(output, targets=targets):
    """Cross-entropy on the batch, or on other targets."""
    return nn.functional.cross_entropy(output, targets)


model = Network()
own = copy.deepcopy(model)

# %% [markdown]
# ## Look

# %%
report = igt.inspect(model, batch, loss=loss)
report

# %% [markdown]
# ## Mend

# %%
receipt = igt.init_(model, batch, loss=loss, seed=0)
print(receipt)

# %% [markdown]
# ## Train
#
# The own start gets three rates, the best of which counts; the mended one gets its own.


# %%
def train(model, rate, updates=80):
    """The share of the last 400 digits that is right afterwards."""
    torch.manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for _ in range(updates):
        rows = torch.randint(len(images) - 400, (64,))
        optimizer.zero_grad()
        loss(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(images[-400:]).argmax(1) == labels[-400:]).float().mean().item()


rate = receipt.plan.param_groups(optimizer="adamw")[0]["lr"]
before = {trial: train(copy.deepcopy(own), trial) for trial in (3e-4, 1e-3, 3e-3)}
after = train(model, rate)
print({trial: f"{right:.0%}" for trial, right in before.items()})
print(f"init_, rate {rate:.2g}: {after:.0%}")
assert after > max(before.values())

# %% [markdown]
# ## Compare other starts
#
# Without training: what is broken first, then how evenly a start lets the network learn.

# %%
print(igt.compare(own, batch, seeds=1, loss=loss))
