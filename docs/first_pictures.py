"""First pictures: `python docs/first_pictures.py [NAME ...]` trains seven small networks and draws
each with defaults alone.

Every network has its own training loop, a recorder in it, then ``ip.measure(run)`` and
``ip.plot_plane(plane)``: no estimator is named, no option is set that is not about the network
itself. Written to docs/images/first-NAME.png.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import infoplane as ip

IMAGES = Path(__file__).parent / "images"
Loss = Callable[[nn.Module], Tensor]


def fit(model: nn.Module, loss_of: Loss, recorder: ip.Recorder, steps: int, lr: float) -> None:
    """Train by Adam for some steps, with the recorder looking on."""
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    with recorder as rec:
        for step in range(1, steps + 1):
            loss = loss_of(model)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rec.step(step, loss=loss.item())


def digits() -> tuple[Tensor, Tensor]:
    """Images, shape (1797, 64), and digits, shape (1797,)."""
    x, y = ip.data.digits.load()
    return torch.as_tensor(x), torch.as_tensor(y)


def batches(x: Tensor, size: int, seed: int = 0) -> Callable[[], Tensor]:
    """Return a function that draws row numbers of a batch."""
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randint(len(x), (size,), generator=generator)


def relu_cnn(run: Path) -> None:
    """A convolutional network with ReLU on the digits."""
    x, y = digits()
    images, draw = x.reshape(-1, 1, 8, 8), batches(x, 64)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )

    def loss_of(network: nn.Module) -> Tensor:
        rows = draw()
        return nn.functional.cross_entropy(network(images[rows]), y[rows])

    probe = (images[:1000], y[:1000])
    recorder = ip.Recorder(model, probe=probe, to=run, schedule=ip.log_spaced(500, 16))
    fit(model, loss_of, recorder, 500, 2e-3)


def regression_mlp(run: Path) -> None:
    """A network that predicts the progression of diabetes, a continuous label."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes()
    x = torch.as_tensor(data.data / data.data.std(0), dtype=torch.float32)
    y = torch.as_tensor(data.target / 100, dtype=torch.float32)
    model = nn.Sequential(
        nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1)
    )

    def loss_of(network: nn.Module) -> Tensor:
        return nn.functional.mse_loss(network(x)[:, 0], y)

    recorder = ip.Recorder(
        model, probe=(x, y), to=run, y_kind="continuous", schedule=ip.log_spaced(400, 16)
    )
    fit(model, loss_of, recorder, 400, 3e-3)


def _letters(length: int) -> Tensor:
    """Windows of an English text as numbers of letters, shape (n, length)."""
    from sklearn.datasets import load_digits

    text = load_digits().DESCR.lower()[:1500]
    known = sorted(set(text))
    ids = torch.tensor([known.index(letter) for letter in text])
    return ids.unfold(0, length, 4)


def _gpt2(vocabulary: int) -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=16,
        n_embd=32,
        n_layer=3,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    return GPT2LMHeadModel(config)


def _learn_letters(run: Path, probe: object, **options: object) -> None:
    ids = _letters(16)
    model, draw = _gpt2(int(ids.max()) + 1), batches(ids, 32)

    def loss_of(network: nn.Module) -> Tensor:
        rows = ids[draw()]
        return network(input_ids=rows, labels=rows).loss

    schedule = ip.log_spaced(300, 12)
    recorder = ip.Recorder(model, probe=probe, to=run, schedule=schedule, **options)
    fit(model, loss_of, recorder, 300, 3e-3)


def gpt2_tokens(run: Path) -> None:
    """A GPT-2 that learns letters; rows are positions, X the letter there, Y the next one."""
    _learn_letters(
        run, {"input_ids": _letters(16)[:80]}, rows="token", y="next-token", max_rows=1000
    )


def gpt2_sequences(run: Path) -> None:
    """The same GPT-2; rows are windows of text, every layer is its mean over positions (`gap`)."""
    ids = _letters(16)
    vowel = ids[:, -1] % 4
    _learn_letters(run, ({"input_ids": ids}, vowel), reduce="gap")


def bert_classifier(run: Path) -> None:
    """A BERT that learns which of two marks comes first in a sequence."""
    from transformers import BertConfig, BertForSequenceClassification

    rng = np.random.default_rng(0)
    ids = torch.as_tensor(rng.integers(3, 20, (500, 12)))
    marks = np.stack([rng.permutation(12)[:2] for _ in range(500)])  # (500, 2)
    ids[np.arange(500), marks[:, 0]], ids[np.arange(500), marks[:, 1]] = 1, 2
    y = torch.as_tensor(marks[:, 0] < marks[:, 1]).long()
    config = BertConfig(
        vocab_size=20,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=12,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model, draw = BertForSequenceClassification(config), batches(ids, 64)

    def loss_of(network: nn.Module) -> Tensor:
        rows = draw()
        return network(input_ids=ids[rows], labels=y[rows]).loss

    recorder = ip.Recorder(
        model, probe=({"input_ids": ids}, y), to=run, schedule=ip.log_spaced(200, 12)
    )
    fit(model, loss_of, recorder, 200, 2e-3)


class VAE(nn.Module):
    """A variational autoencoder with four latent units."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(48, 4), nn.Linear(48, 4)
        self.decoder = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 64))

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction, shape (n, 64); noise is drawn while training."""
        hidden = self.encoder(x)
        mean, self.log_s2 = self.mean(hidden), self.log_variance(hidden)
        self.centre = mean
        noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        return self.decoder(mean + noise * torch.exp(self.log_s2 / 2))


def vae(run: Path) -> None:
    """A variational autoencoder of the digits; Y is the digit that it never sees."""
    x, y = digits()
    model, draw = VAE(), batches(x, 64)

    def loss_of(network: nn.Module) -> Tensor:
        rows = x[draw()]
        missed = ((network(rows) - rows) ** 2).sum(1).mean()
        s2 = torch.exp(model.log_s2)
        distance = 0.5 * (model.centre**2 + s2 - model.log_s2 - 1).sum(1).mean()
        return missed + 0.2 * distance

    recorder = ip.Recorder(
        model, probe=(x[:1000], y[:1000]), to=run, schedule=ip.log_spaced(600, 16)
    )
    fit(model, loss_of, recorder, 600, 2e-3)


def szt(run: Path) -> None:
    """The tanh network of the first papers on its 12-bit inputs."""
    model = ip.data.szt.network("tanh", seed=0)
    with ip.Recorder(
        model, probe=ip.data.szt.load(), to=run, schedule=ip.log_spaced(600, 20)
    ) as rec:
        ip.data.szt.train(
            model, epochs=600, on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics)
        )


NETWORKS = {
    "relu-cnn": relu_cnn,
    "regression": regression_mlp,
    "gpt2-tokens": gpt2_tokens,
    "gpt2-sequences": gpt2_sequences,
    "bert": bert_classifier,
    "vae": vae,
    "szt": szt,
}


def draw(name: str, folder: Path) -> Path:
    """Train a network, measure its run and draw the plane, all by default; return the picture."""
    torch.manual_seed(0)
    run = folder / name
    NETWORKS[name](run)
    axes = ip.plot_plane(ip.measure(run))
    picture = IMAGES / f"first-{name}.png"
    axes.figure.savefig(picture, dpi=150)
    return picture


if __name__ == "__main__":
    for name in sys.argv[1:] or NETWORKS:
        print(draw(name, Path(tempfile.mkdtemp())))
