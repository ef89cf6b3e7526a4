"""Planes of token rows: layers grouped by the depth of their block."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes

from infoplane.analysis.plot import caption_of, plot_plane
from infoplane.analysis.plot.depth import depth_of
from infoplane.analysis.report.content import page_data
from infoplane.plane import Plane, Point
from infoplane.row_info import RowInfo
from infoplane.types import Estimate

mpl.use("Agg")
BLOCKS = [f"h.{k}{part}" for k in range(4) for part in (".attn", ".mlp", "")]
NAMES = ("wte", *BLOCKS, "ln_f", "lm_head")


def plane(names: tuple[str, ...], kind: str = "token") -> Plane:
    """One checkpoint with both quantities of every layer."""
    points = []
    for place, name in enumerate(names):
        for quantity, bits in (("i_xz", 3.0 + 0.2 * place), ("i_zy", 0.9 + 0.05 * place)):
            points.append(Point(0, name, quantity, Estimate(bits, 500, "bin:szt")))  # type: ignore[arg-type]  # a quantity
    rows = RowInfo(kind, "prefix", "next") if kind == "token" else RowInfo()
    return Plane(tuple(points), names, 500, 2.0, row_info=rows)


def texts(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def test_a_shape_is_a_part_of_a_block_and_a_number_its_depth() -> None:
    ax = plot_plane(plane(NAMES))
    assert texts(ax)[:6] == ["wte", "h.k.attn", "h.k.mlp", "h.k", "ln_f", "lm_head"]
    ends = {line.get_gid(): line for line in ax.lines}
    of_block = {f"last-{NAMES.index(f'h.{k}.mlp')}" for k in range(4)}
    assert len({ends[gid].get_marker() for gid in of_block}) == 1
    marks = [text.get_text() for text in ax.texts]
    assert marks.count("0") == marks.count("3") == 3
    assert "wte" in marks and "lm_head" in marks


def test_a_line_leads_from_block_to_block() -> None:
    ax = plot_plane(plane(NAMES))
    (line,) = [found for found in ax.lines if found.get_gid() == "depth"]
    stream = ["wte", "h.0", "h.1", "h.2", "h.3", "ln_f", "lm_head"]
    expected = [3.0 + 0.2 * NAMES.index(name) for name in stream]
    assert list(line.get_xdata()) == pytest.approx(expected)


def test_the_caption_names_parts_and_depths() -> None:
    assert "wte, h.k.attn, h.k.mlp, h.k for k from 0 to 3, ln_f, lm_head" in caption_of(
        plane(NAMES)
    )


def test_the_report_numbers_layers_as_its_caption_says() -> None:
    data = page_data(plane(NAMES))
    assert [layer["mark"] for layer in data["layers"]][:2] == ["1", "2"]
    assert "1 wte, 2 h.0.attn" in data["views"][0]["caption"]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (NAMES, "sample"),
        (("fc1", "fc2", "fc3"), "token"),
        (("wte", "h.0.attn", "h.0.mlp"), "token"),
    ],
)
def test_other_planes_number_their_layers(names: tuple[str, ...], kind: str) -> None:
    shown = plane(names, kind)
    assert depth_of(shown, names) is None
    assert texts(plot_plane(shown))[0] == f"1  {names[0]}"


def test_many_blocks_have_numbers_of_some_of_them() -> None:
    names = ("wte", *(f"h.{k}{part}" for k in range(40) for part in (".attn", ".mlp", "")))
    depth = depth_of(plane(names), names)
    assert depth is not None
    marked = [depth.places[index].mark for index in depth.marked(24)]
    assert len(marked) <= 24 and {"wte", "0", "39"} <= set(marked)


def test_an_encoder_beside_a_decoder_has_shapes_of_its_own() -> None:
    names = ("shared", *(f"{side}.block.{k}" for side in ("encoder", "decoder") for k in range(3)))
    depth = depth_of(plane(names), names)
    assert depth is not None
    assert depth.parts == ["shared", "encoder.block.k", "decoder.block.k"]
    assert depth.stream() == []


def test_hidden_states_of_a_tool_are_blocks_too() -> None:
    names = ("embeddings", "block 1", "block 2", "final (normed)")
    depth = depth_of(plane(names), names)
    assert depth is not None and depth.stream() == [0, 1, 2, 3]


def test_a_part_whose_name_ends_with_k_is_no_block() -> None:
    names = ("wte", *(f"h.{k}{part}" for k in range(3) for part in (".block", "")), "head")
    depth = depth_of(plane(names), names)
    assert depth is not None
    assert [names[index] for index in depth.stream()] == ["wte", "h.0", "h.1", "h.2", "head"]
