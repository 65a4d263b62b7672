# %% [markdown]
# # A report, line by line
#
# `igt.inspect` runs one forward and one backward pass and changes nothing. What do its lines say, and how does one get at the
# numbers?

# %%
import torch
from torch import nn

import isogain.torch as igt

torch.manual_seed(0)
hidden = [layer for _ in range(30) for layer in (nn.Linear(64, 64), nn.Tanh())]
model = nn.Sequential(*hidden, nn.Linear(64, 10))
inputs, labels = torch.randn(128, 64), torch.randint(10, (128,))


def loss(output):
    """Cross-entropy of ten classes."""
    return nn.functional.cross_entropy(output, labels)


report = igt.inspect(model, inputs, loss=loss)
print(report)

# %% [markdown]
# ## The first line
#
# Verdict and cause. *critical*: it will hardly learn; *warning*: it costs you; *healthy*: nothing was found. The cause is the
# most upstream thing that explains the findings.

# %%
print(report.verdict)
print(report.cause)

# %% [markdown]
# ## A finding
#
# What was measured, what theory expects for networks of these widths, why, and a fix that was tried on a copy.

# %%
finding = report.findings[0]
for field in ("code", "severity", "path", "measured", "expected", "why", "fix"):
    print(f"{field:9}", getattr(finding, field))

# %% [markdown]
# ## The layers
#
# Every operation has a row; printed, rows that are alike are folded into one. `gain` is the standard deviation of the weights
# times √fan_in. In this network PyTorch's .58 stands where tanh needs a little more than 1.

# %%
for row in report.layers[:6]:
    print(row.index, row.path, row.op, row.shape, row.gain and round(row.gain, 3), f"{row.forward.rms:.3g}")

# %% [markdown]
# ## Slopes
#
# Decades a layer: how fast signals and gradients fall along the trunk. −0.2 a layer is a factor of 100 in ten layers.

# %%
print(report.slopes)

# %% [markdown]
# ## What was looked at, and what was not

# %%
seen = report.coverage
print(f"{seen.followed:,} of {seen.parameters:,} parameters, {seen.measured} of {seen.operations} operations")

# %% [markdown]
# ## Mend it and look again

# %%
igt.init_(model, inputs, loss=loss, seed=0)
after = igt.inspect(model, inputs, loss=loss)
print(after.verdict, after.slopes)
assert after.verdict == "healthy"
