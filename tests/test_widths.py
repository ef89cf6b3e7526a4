"""The sweep over bin widths against the estimator of one width."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import one_step

import infoplane as ip
from infoplane.archive import Archive, RunWriter, open_archive
from infoplane.errors import InputError
from infoplane.types import LayerInfo


@pytest.fixture
def run(tmp_path: Path) -> Archive:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3)).astype(np.float32)
    infos = [
        LayerInfo("tanh", 0, "Tanh", (3,)),
        LayerInfo("wide", 1, "Linear", (2,)),
        LayerInfo("still", 2, "ReLU", (2,)),
        LayerInfo("never", 3),
    ]
    with RunWriter.create(
        tmp_path / "r", layers=infos, x=x, y=np.arange(200) % 2, durable=False
    ) as writer:
        for step in range(8):
            with writer.step(step) as shard:
                shard.write("tanh", np.tanh(x * (1 + step)))
                shard.write("wide", (1000 * x[:, :2]).astype(np.float64))
                shard.write("still", np.zeros((200, 2), np.float16))
    return open_archive(tmp_path / "r")


@pytest.mark.parametrize("layer", ["tanh", "wide"])
def test_every_point_is_the_number_of_bins_of_that_width(run: Archive, layer: str) -> None:
    sweep = ip.width_sweep(run, layer, steps=[0, 7])
    assert (
        sweep.bits.shape == (2, 30)
        and sweep.steps == (0, 7)
        and list(sweep.widths) == sorted(sweep.widths)
    )
    for row, step in zip(sweep.bits, sweep.steps, strict=True):
        for k in (0, 11, 20, 29):
            (point,) = [
                p
                for p in ip.measure(
                    run,
                    [f"bin:saxe,width={sweep.widths[k]!r}"],
                    layers=[layer],
                    steps=[step],
                    resume=False,
                ).points
                if p.quantity == "i_xz"
            ]
            assert row[k] == pytest.approx(point.estimate.bits, abs=1e-9)


def test_the_narrowest_reach_the_exact_rows_and_the_widest_the_signs(run: Archive) -> None:
    sweep = ip.width_sweep(run, "wide", widths=[5000.0, 1e-6])
    assert sweep.bits[:, 0] == pytest.approx(sweep.exact) and sweep.exact[0] == pytest.approx(
        np.log2(200)
    )
    signs = np.unique(run.z(0, "wide") >= 0, axis=0, return_counts=True)[1] / 200
    assert sweep.bits[0, 1] == pytest.approx(-float((signs * np.log2(signs)).sum()))
    still = ip.width_sweep(run, "still")
    assert not still.bits.any() and still.exact == (0.0,) * 5


def test_checkpoints_are_first_last_and_evenly_between(run: Archive) -> None:
    assert ip.width_sweep(run, "tanh").steps == (0, 2, 4, 5, 7)


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        ("none", {}, "no such layer"),
        ("never", {}, "never captured"),
        ("tanh", {"steps": [0, 99]}, r"no such steps: \[99\]"),
        ("tanh", {"widths": [0.1, 0.0]}, "positive widths"),
        ("tanh", {"widths": []}, "positive widths"),
    ],
)
def test_what_cannot_be_swept_is_named(
    run: Archive, layer: str, options: dict[str, list[float]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ip.width_sweep(run, layer, **options)  # type: ignore[arg-type]  # as listed


def test_a_line_per_checkpoint_and_a_panel_per_layer_are_drawn(run: Archive) -> None:
    from infoplane.analysis.plot import draw_widths

    figure = draw_widths([ip.width_sweep(run, name) for name in ("tanh", "wide")])
    tanh = figure.axes[0]
    lines = [line for line in tanh.lines if len(line.get_xdata()) == 30]
    assert len(lines) == 5 and np.allclose(
        lines[-1].get_ydata(), ip.width_sweep(run, "tanh").bits[-1]
    )
    assert (
        tanh.get_title() == "tanh"
        and tanh.get_xscale() == "log"
        and figure.axes[1].get_title() == "wide"
    )
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        *(f"step {s}" for s in (0, 2, 4, 5, 7)),
        "log2 200",
        "width 0.07",
    ]
    with pytest.raises(InputError, match="nothing to draw"):
        draw_widths([])


def test_widths_reach_from_a_thousandth_of_the_largest_value_to_twice_it(tmp_path: Path) -> None:
    z = np.array([[0.5, -4.0], [1.0, 0.25], [2.0, 0.125]], np.float32)
    found = ip.width_sweep(one_step(tmp_path / "run", a=("Linear", z), flat=("Linear", 0 * z)), "a")
    assert (found.widths[0], found.widths[-1]) == (pytest.approx(0.004), pytest.approx(8.0))
    assert ip.width_sweep(tmp_path / "run", "flat").widths[-1] == pytest.approx(2.0)
