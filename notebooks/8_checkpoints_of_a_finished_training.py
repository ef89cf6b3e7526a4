# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8 · Checkpoints of a finished training
#
# The training is over and nobody attached a recorder. What is left is a folder of checkpoints. That is enough for a plane over training.

# %%
import warnings
from pathlib import Path

import torch
from torch import nn

import infoplane as ip

images, digits = ip.data.digits.load()
x, y = torch.as_tensor(images), torch.as_tensor(digits)

# %% [markdown]
# ## A training as most are: it saves now and then

# %%
epochs = 200


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 10)
    )


model = network()
optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
Path("ckpts").mkdir(exist_ok=True)
for epoch in range(1, epochs + 1):
    for rows in torch.randperm(len(x)).split(256):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if epoch in (1, 2, 4, 8, 16, 32, 64, 120, 160, 200):
        torch.save(
            {
                "model": model.state_dict(),
                "optimizer": optimiser.state_dict(),
                "loss": loss.item(),
            },
            f"ckpts/epoch_{epoch:03d}.pt",
        )
sorted(p.name for p in Path("ckpts").iterdir())

# %% [markdown]
# ## From the folder to a plane
#
# The state dict is found inside each file, the step is the number in its name, and the loss that was stored with it comes along.

# %%
probe = (x[:800], y[:800])
run = ip.capture(
    network(), probe=probe, to="runs/digits", checkpoints="ckpts/*.pt", overwrite=True
)
print(run)
print({step: round(numbers["loss"], 3) for step, numbers in run.metrics.items()})

# %%
plane = ip.measure(run, ["bin:range,n=30", "exact"])
ip.plot_plane(plane, estimator=plane.estimators[0]);

# %% [markdown]
# The chain of layers was tested on the network while its weights were loaded, so pairs of layers are judged:

# %%
ip.check_dpi(plane)

# %% [markdown]
# ## What the archive says about each step, and what happens to a file that is torn

# %%
source = run.extra(run.steps[0], "source")
print({key: source[key] for key in ("name", "format", "entry")})
Path("ckpts/epoch_300.pt").write_bytes(Path("ckpts/epoch_001.pt").read_bytes()[:1000])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    again = ip.capture(
        network(), probe=probe, to="runs/digits", checkpoints="ckpts/*.pt"
    )
print("warned:", str(caught[0].message).split(":")[0])
print(again.steps)
print(
    again.extra(again.steps[-1], "failures")["failures"][0]["message"].split(": ", 1)[1]
)

# %% [markdown]
# Only what is new was read the second time. The same in a shell:
#
#     infoplane capture my_module:network --probe probe.npz --checkpoints 'ckpts/*.pt' -o runs/digits
#     infoplane measure runs/digits -e bin:range,n=30 -o plane.h5
#     infoplane plot plane.h5 -o plane.png
