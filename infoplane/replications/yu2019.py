"""Yu & Principe 2019, "Understanding autoencoders with information theoretic concepts" (Neural
Networks 117, arXiv 1804.00057).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from infoplane.replications.evidence import (
    conclude,
    judged,
    lines_picture,
    median_of,
    plane_picture,
)
from infoplane.replications.frame import Claim, Context, Result
from infoplane.replications.runs import plane_of

if TYPE_CHECKING:
    from infoplane.archive import Archive
    from infoplane.plane import Plane

SIZES = (64, 32, 16, 6, 16, 32, 64)
ENCODER, DECODER = ["act1", "act2", "act3"], ["act4", "act5", "out"]
EPOCHS = {False: 200, True: 15}
PROBE = 300
SPEC, MEDIAN = "renyi:alpha=1.01", "renyi:alpha=1.01,width=median"
TOLERANCE = 0.02


def autoencoder_run(ctx: Context, seed: int) -> Archive:
    """The archive of a 64-32-16-6-16-32-64 autoencoder of the digits."""
    from collections import OrderedDict

    import torch

    import infoplane as ip
    from infoplane.archive import open_archive

    epochs = EPOCHS[ctx.quick]
    path = ctx.out / "runs" / f"digits-autoencoder-epochs{epochs}-seed{seed}"
    if (path / "done").is_file():
        return open_archive(path)
    ctx.say(f"  training {path.name}")
    x, y = ip.data.digits.load()
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    parts: OrderedDict[str, torch.nn.Module] = OrderedDict()
    for k, (a, b) in enumerate(itertools.pairwise(SIZES), start=1):
        parts[f"fc{k}"] = torch.nn.Linear(a, b)
        parts[f"act{k}" if k < len(SIZES) - 1 else "out"] = (
            torch.nn.Sigmoid() if k == len(SIZES) - 1 else torch.nn.Tanh()
        )
    model = torch.nn.Sequential(parts)
    rows = np.random.default_rng(0).permutation(len(x))[:PROBE]
    images, mask = torch.as_tensor(x), torch.as_tensor(ip.data.digits.train_mask(seed))
    train, test = images[mask], images[~mask]
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    with ip.Recorder(
        model,
        probe=(x[rows], y[rows]),
        to=path,
        layers=[*ENCODER, *DECODER],
        schedule=ip.log_spaced(epochs, 14),
        overwrite=True,
        durable=False,
        verbose=False,
    ) as rec:
        for epoch in range(1, epochs + 1):
            for batch in torch.randperm(len(train), generator=generator).split(64):  # type: ignore[no-untyped-call]  # torch has no type here
                loss = (model(train[batch]) - train[batch]).square().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            with torch.no_grad():
                rec.step(
                    epoch, loss=loss.item(), test_loss=(model(test) - test).square().mean().item()
                )
    (path / "done").write_text("")
    return open_archive(path)


def autoencoder_plane(archive: Archive, spec: str = SPEC, *, last: bool = False) -> Plane:
    """The plane whose axes are I(X;T) and I(T;X'), X' the reconstruction at the same checkpoint.

    Of the last checkpoint only, if asked.
    """
    import infoplane as ip
    from infoplane.plane import Plane, Point

    estimator = ip.estimators.parse(spec)
    x, points = ip.continuous(np.asarray(archive.x), "X"), []
    for step in archive.steps[-1:] if last else archive.steps:
        back = ip.continuous(archive.z(step, "out"), "X'")
        for layer in archive.layers:
            t = ip.continuous(archive.z(step, layer), layer)
            points.append(Point(step, layer, "i_xz", estimator.estimate(x, t)))
            points.append(Point(step, layer, "i_zy", estimator.estimate(t, back)))
    return Plane(
        tuple(points),
        archive.layers,
        archive.n_rows,
        chain=archive.chain,
        metrics=archive.metrics,
        provenance={"archive": str(archive.path), "digest": archive.digest},
    )


def _end(plane: Plane, quantity: str, spec: str = SPEC) -> list[float]:
    return [plane.series(name, quantity, spec)[1][-1].bits for name in plane.layers]  # type: ignore[arg-type]  # one of the two literals


def autoencoder(ctx: Context) -> Result:
    """I(X;T) does not rise through the encoder, I(T;X') does not fall through the decoder.

    After training, in both planes of every seed.
    """
    archives = [autoencoder_run(ctx, seed) for seed in ctx.seeds]
    planes = [autoencoder_plane(a) for a in archives]
    about_x, about_back = ([_end(p, q) for p in planes] for q in ("i_xz", "i_zy"))
    middle = len(ENCODER)
    numbers = {
        "encoder: largest rise of I(X;T) to the next layer [bits]": [
            float(np.diff(v[:middle]).max()) for v in about_x
        ],
        "decoder: largest fall of I(T;X') to the next layer [bits]": [
            float(-np.diff(v[middle - 1 :]).min()) for v in about_back
        ],
        "bottleneck: I(X;T) [bits]": [v[middle - 1] for v in about_x],
        "bottleneck: I(T;X') [bits]": [v[middle - 1] for v in about_back],
        "held-out error / variance": [
            a.metrics[a.steps[-1]]["test_loss"] / float(np.var(np.asarray(a.x), axis=0).mean())
            for a in archives
        ],
    }
    up, down = list(numbers.values())[:2]
    median = [_end(autoencoder_plane(a, MEDIAN, last=True), "i_xz", MEDIAN) for a in archives]
    exact = [_end(plane_of(a, ["exact"], steps=[a.steps[-1]]), "i_xz", "exact") for a in archives]
    conventions = {}
    for words, ends in (
        ("Silverman widths", about_x),
        ("median widths", median),
        ("exact codes, log2 300 bits in every layer", exact),
    ):
        found = [float(np.diff(v[:middle]).max()) for v in ends]
        conventions[f"{words}: largest rise of I(X;T) through the encoder"] = judged(
            median_of(found) < TOLERANCE, found
        )
    names = ["enc 1", "enc 2", "bottleneck", "dec 1", "dec 2", "output"]
    return conclude(
        ctx,
        "yu2019",
        median_of(up) < TOLERANCE and median_of(down) < TOLERANCE,
        "medians after training: the largest rise of I(X;T) through the encoder and the largest "
        f"fall of I(T;X') through the decoder are < {TOLERANCE} bit",
        numbers,
        limits=dict.fromkeys(list(numbers)[:2], TOLERANCE),
        learnt=(sum(v < 0.5 for v in numbers["held-out error / variance"]), len(archives)),
        archives=archives,
        planes=planes,
        pictures=[
            plane_picture(ctx, planes[0], "yu2019", SPEC),
            lines_picture(
                ctx,
                "yu2019-depth",
                names,
                {"I(X;T)": about_x, "I(T;X')": about_back},
                x_label="layer",
                y_label=f"bits, {SPEC} (geometric)",
            ),
        ],
        conventions=conventions,
        note="the vertical axis is the information about the reconstruction X', not about the "
        "digit; a seed counts as trained when it explains half of the held-out variance. "
        "Spectral diversity of Gram matrices, no Shannon information: nothing guarantees the "
        "order. A kernel width that follows every layer's own spread and dimension is another "
        "resolution in every layer; the order then belongs to the widths, and no bit is lost "
        "(exact codes)",
    )


CLAIMS = [
    Claim(
        "yu2019",
        "in an autoencoder information about the input falls through the encoder and about the "
        "reconstruction grows through the decoder",
        __doc__ or "",
        "64-32-16-6-16-32-64 on 8x8 digits, matrix-based Renyi, alpha 1.01, Silverman widths",
        autoencoder,
    )
]
