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
# # 3 · Attach to your own loop
#
# The same recorder in a plain PyTorch loop, in Lightning and in the Hugging Face Trainer. Training is the same to the last bit with and without it.

# %%
import numpy as np
import torch
from torch import nn

import infoplane as ip

images, digits = ip.data.digits.load()
x, y = torch.as_tensor(images), torch.as_tensor(digits)
print(x.shape, y.shape)

# %% [markdown]
# ## A plain loop, a convolutional network
#
# `layers="auto"` prints what it chose, with shapes and bytes. `reduce={"conv*": "gap"}` would keep channel means only; here the layers are small enough to
# keep whole.


# %%
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(128, 16),
        nn.Tanh(),
        nn.Linear(16, 10),
    )


def train(model, rec=None, epochs=12):
    torch.manual_seed(1)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for epoch in range(1, epochs + 1):
        for rows in torch.randperm(len(x)).split(128):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if rec is not None:
            rec.step(epoch, loss=loss)
    return model


probe = (x[:600], y[:600])
model = network()
with ip.Recorder(
    model, probe=probe, to="runs/cnn", layers="auto", overwrite=True
) as rec:
    train(model, rec)

# %%
alone = train(network())
same = all(
    torch.equal(a, b)
    for a, b in zip(model.state_dict().values(), alone.state_dict().values())
)
print("bit-identical to training without the recorder:", same)

# %%
plane = ip.measure("runs/cnn", ["kde:relative=0.1", "exact"])
ip.plot_plane(plane, estimator="kde:relative=0.1");

# %% [markdown]
# The check finds nothing that the network could have done wrong:

# %%
ip.check_dpi(plane)

# %% [markdown]
# By `exact` no layer ever loses a bit of log2 600 = 9.23, and the interchange test has certified that each layer cuts the input off from the next:

# %%
lowest = min(p.bits for p in plane.select(estimator="exact", quantity="i_xz"))
print(f"least exact I(X;Z) of all layers and checkpoints: {lowest:.2f} bits")
print(
    "first convolution -> last hidden layer:",
    ip.open_archive("runs/cnn").chain.relation("3", "10"),
)

# %% [markdown]
# ## Lightning
#
# The adapter makes a callback of your own Lightning's class; a step is an epoch.

# %%
import logging
import warnings

warnings.filterwarnings("ignore")  # of Lightning and of progress bars

import lightning.pytorch as pl

from infoplane.hooks.lightning import callback

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = network()

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=3e-3)


quiet = dict(
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
    accelerator="cpu",
)
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(x, y), batch_size=128, shuffle=True
)
record = callback(
    probe=probe,
    to="runs/lightning",
    layers=["net.6", "net.10", "net.11"],
    overwrite=True,
)
pl.Trainer(max_epochs=4, callbacks=[record], **quiet).fit(Module(), loader)
archive = ip.open_archive("runs/lightning")
print(
    archive.steps,
    {step: round(m["train_loss"], 3) for step, m in archive.metrics.items() if m},
)

# %% [markdown]
# ## Hugging Face
#
# A tiny BERT from a random configuration learns whether a sequence holds more small than large tokens. A step is an optimiser step; what the trainer logs goes into the
# archive.

# %%
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)
from transformers.utils import logging as hf_logging

from infoplane.hooks.transformers import callback as hf_callback

hf_logging.set_verbosity_error()
torch.manual_seed(0)
ids = torch.randint(0, 50, (512, 12))
labels = (ids < 25).sum(1).gt(6).long()
config = BertConfig(
    vocab_size=50,
    hidden_size=32,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=16,
    num_labels=2,
)
bert = BertForSequenceClassification(config)
arguments = TrainingArguments(
    output_dir="runs/hf-out",
    max_steps=120,
    per_device_train_batch_size=32,
    learning_rate=2e-3,
    report_to=[],
    logging_steps=20,
    save_strategy="no",
    disable_tqdm=True,
    use_cpu=True,
)
record = hf_callback(
    probe=({"input_ids": ids}, labels),
    to="runs/bert",
    layers=["bert.encoder.layer.*"],
    reduce="token:mean",
    schedule=ip.every(20),
    overwrite=True,
    verbose=False,
)
data = [{"input_ids": i, "labels": t} for i, t in zip(ids, labels)]
trainer = Trainer(model=bert, args=arguments, train_dataset=data, callbacks=[record])
trainer.remove_callback(PrinterCallback)
trainer.train()
archive = ip.open_archive("runs/bert")
blocks = [name for name in archive.layers if name.count(".") == 3]
usable = ip.measure(archive, "vinfo:family=linear", layers=blocks)

# %%
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for name in blocks:
    steps, series = usable.series(name, "i_zy", "vinfo:family=linear")
    ax.errorbar(
        steps,
        [e.bits for e in series],
        [e.stderr for e in series],
        marker="o",
        capsize=2,
        label=name,
    )
ax.set(
    xlabel="optimiser step",
    ylabel="usable I(Z→Y), linear [bits]",
    title="What a linear reader learns from each block of BERT",
)
ax.legend()
fig
