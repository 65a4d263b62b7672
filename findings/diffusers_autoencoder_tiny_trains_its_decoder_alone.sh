#!/bin/sh
# diffusers 0.42.1: the forward pass of AutoencoderTiny rounds its latents to bytes on the way from the encoder to the
# decoder, so a loss on what it reconstructs gives no gradient to any parameter of the encoder, without a word.
# AutoencoderKL's forward hands one on.  Seen: half of the parameters (the encoder, 66,756 numbers of 133,511) have none,
# and 100 steps of Adam leave them bit for bit as they were, while the loss falls.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 pillow==13.0.0 diffusers==0.42.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
from torch.nn.functional import mse_loss
from diffusers import AutoencoderKL, AutoencoderTiny

torch.manual_seed(0)
images = torch.nn.functional.avg_pool2d(torch.randn(8, 3, 32, 32), 5, 1, 2) * 2
tiny = AutoencoderTiny(encoder_block_out_channels=(32, 32), decoder_block_out_channels=(32, 32),
                       num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1))
whole = AutoencoderKL(block_out_channels=(32, 32), layers_per_block=1, norm_num_groups=8,
                      down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2)


def without(model):
    model.zero_grad(set_to_none=True)
    mse_loss(model(images).sample, images).backward()
    return [name for name, parameter in model.named_parameters() if parameter.grad is None]


missing = without(tiny)
numbers = sum(p.numel() for n, p in tiny.named_parameters() if n in missing)
print(f"AutoencoderTiny: {len(missing)} parameters without a gradient, {numbers:,} numbers of {sum(p.numel() for p in tiny.parameters()):,}")
print(f"AutoencoderKL: {len(without(whole))}")
before = [p.detach().clone() for p in tiny.encoder.parameters()]
optimizer, losses = torch.optim.Adam(tiny.parameters(), lr=1e-3), []
for _ in range(100):
    optimizer.zero_grad()
    loss = mse_loss(tiny(images).sample, images)
    loss.backward()
    optimizer.step()
    losses.append(float(loss.detach()))
same = all(torch.equal(a, b) for a, b in zip(before, tiny.encoder.parameters()))
print(f"100 steps of Adam: loss {losses[0]:.3f} -> {losses[-1]:.3f}, the encoder as it was: {same}")
assert missing and all(name.startswith("encoder.") for name in missing) and same
assert {name for name, _ in tiny.named_parameters() if name.startswith("encoder.")} == set(missing)
assert not without(whole) and losses[-1] < losses[0]
PY
