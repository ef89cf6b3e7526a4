"""The table of layers that is printed when a recorder attaches."""

from __future__ import annotations

from infoplane.hooks.recording.layer_table import layer_table, wrapped
from infoplane.types import LayerInfo


def _info(name: str, cls: str, shape: tuple[int, ...], **fields: str) -> LayerInfo:
    return LayerInfo(name, 0, cls, shape, shape, **fields)


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    infos = [_info("conv", "Conv2d", (4, 8, 8)), _info("classifier", "Linear", (2,))]
    assert layer_table(infos, {}, 10) == [
        "  layer       class   shape, float32     bytes",
        "  conv        Conv2d  4x8x8           10.2 KiB",
        "  classifier  Linear  2                  240 B",
    ]


def test_a_reason_stands_without_the_class_that_has_a_column() -> None:
    table = layer_table([_info("fc", "Linear", (2,))], {"fc": "layer (Linear)"}, 10)
    assert table[1].endswith("  layer")


def test_two_dtypes_and_a_reduction_have_columns() -> None:
    infos = [
        _info("a", "Linear", (2,), store_dtype="float16", reduction="pca:8"),
        _info("b", "Linear", (2,), store_dtype="float32"),
    ]
    table = layer_table(infos, {}, 10)
    assert table[0].split() == ["layer", "class", "shape", "dtype", "bytes", "reduced", "by"]
    assert "float16" in table[1] and table[1].endswith("pca:8")


def test_long_notes_go_on_below_themselves_and_tables_stay() -> None:
    note = "  note: " + " ".join(["word"] * 30)
    row = "  layer" + " " * 100 + "end"
    lines = wrapped(f"{row}\n{note}", 80).splitlines()
    assert lines[0] == row
    assert max(map(len, lines[1:])) <= 80
    assert all(line.startswith("    word") for line in lines[2:])
    assert " ".join(line.strip() for line in lines[1:]) == note.strip()
