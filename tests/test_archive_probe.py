"""The probe of an archive: labels, splits and its digest."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import INPUTS, ROWS, write_run

from infoplane.archive import RunWriter, layout, open_archive
from infoplane.archive.make_probe import make_probe
from infoplane.errors import DamagedArchive, InputError
from infoplane.types import LayerInfo


def test_a_run_has_one_class_per_row(tmp_path: Path) -> None:
    y = np.stack([np.arange(8) % 2] * 2, axis=1)
    with pytest.raises(InputError, match="are 2 for each of 8 samples"):
        RunWriter.create(
            tmp_path / "run",
            layers=[LayerInfo("out", 0)],
            x=np.eye(8),
            y=y,
            y_kind="discrete",
            durable=False,
        )


@pytest.mark.parametrize(
    ("y", "kind", "stored"),
    [
        ([True, False], None, [1, 0]),
        (["b", "a"], None, [1, 0]),
        (np.array(["x", "y"], object), None, [0, 1]),
        ([1.0, 2.0], "discrete", [1, 2]),
        (np.array([2**64 - 1, 1], np.uint64), None, [-1, 1]),
        ([1, 2], "continuous", [1.0, 2.0]),
        ([0.5, 2.0], "continuous", [0.5, 2.0]),
    ],
)
def test_labels_of_every_kind_are_stored_as_integers_or_targets(
    y: object, kind: str | None, stored: list[float]
) -> None:
    probe = make_probe(None, y, y_kind=kind)  # type: ignore[arg-type]  # an array
    assert (
        probe.y is not None
        and probe.y.tolist() == stored
        and probe.y.dtype.kind == ("f" if kind == "continuous" else "i")
    )
    assert probe.y_kind == (kind or "discrete") and probe.row_ids.tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_a_label_that_losses_ignore_is_no_class_whatever_holds_it(dtype: type) -> None:
    with pytest.raises(InputError, match="1 of 4 labels are -100"):
        make_probe(None, np.array([0, 1, -100, 1], dtype), y_kind="discrete")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"y": np.array(["a", 1], object)}, "got mixed objects"),
        ({"y": [1j, 2j]}, "got dtype complex128"),
        ({"y": [0.5, 1.0]}, "state y_kind="),
        ({"y": [np.nan, 1.0], "y_kind": "continuous"}, "every probe row needs a label"),
        ({"y": [0.5, 1.0], "y_kind": "discrete"}, "holds fractions"),
        ({"y": ["a", "b"], "y_kind": "continuous"}, "but y holds texts"),
        ({"y": [1e300, 2e300], "y_kind": "discrete"}, "beyond 64 bits"),
        ({"y": [1, 2], "y_kind": "ordinal"}, "y_kind must be"),
        ({"y": 3}, "expected rows, got a single value"),
        ({"y": [[1], [2, 3]]}, "rectangular"),
        ({}, "same positive number of rows, got {}"),
        ({"y": np.zeros(0, int)}, "same positive number"),
        ({"x": INPUTS, "y": [1, 2]}, "same positive number of rows"),
        (
            {"x": INPUTS, "row_ids": np.zeros(ROWS)},
            r"row_ids: expected integers of "
            r"shape \(6,\)",
        ),
        ({"x": INPUTS, "row_ids": np.zeros((ROWS, 1), int)}, "row_ids"),
        ({"x": INPUTS, "split": ["train"] * 5}, "split: expected 6"),
        ({"x": INPUTS, "split": ["valid"] * 6}, "split"),
        ({"x": INPUTS, "split": [1] * 6}, "split"),
    ],
)
def test_a_probe_that_is_none_is_refused_in_words(given: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_probe(given.pop("x", None), given.pop("y", None), **given)  # type: ignore[arg-type]  # hostile by intent


def test_the_digest_of_a_probe_sees_every_part_of_it_also_inputs_that_are_not_stored() -> None:
    y, split = np.arange(ROWS) % 2, ["train"] * 5 + ["test"]
    one = make_probe(INPUTS, y, split=split)
    others = [
        make_probe(INPUTS + 1, y, split=split),
        make_probe(INPUTS, 1 - y, split=split),
        make_probe(INPUTS, y),
        make_probe(INPUTS, y, split=["test", *split[1:]]),
        make_probe(INPUTS, y, split=split, row_ids=np.zeros(ROWS, int)),
        make_probe(INPUTS.astype(np.float64), y, split=split),
        make_probe(INPUTS + 1, y, split=split, store_x=False),
    ]
    assert (
        len({one.sha256, *(p.sha256 for p in others)}) == 7
        and others[0].sha256 == others[-1].sha256
        and others[-1].x is None
    )
    assert make_probe(INPUTS, y, split=split, store_x=False).sha256 == one.sha256 and one.n == ROWS
    assert one.split is not None and one.split.tolist() == [1] * 5 + [2]
    assert make_probe(np.zeros((3, 2)), None).row_ids.tolist() == [0, 0, 0]


def test_a_split_code_beyond_the_table_is_damage(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", (0,), split=np.array(["train"] * 5 + ["test"]))
    assert open_archive(run).split.tolist() == ["train"] * 5 + ["test"]
    with h5py.File(run / "probe.h5", "r+") as f:
        f["split"][0] = len(layout.SPLITS)
    with pytest.raises(DamagedArchive, match="split"):
        _ = open_archive(run).split


@pytest.mark.parametrize("change", [{"arrays": []}, {"y_kind": "ordinal"}])
def test_a_probe_header_is_whole_in_every_part(tmp_path: Path, change: dict[str, object]) -> None:
    run = write_run(tmp_path / "run", (0,))
    with h5py.File(run / "probe.h5", "r+") as f:
        body = {**json.loads(f["meta"][()]), **change}
        body.pop("crc32")
        text = layout.sealed(body).encode()
        del f["meta"]
        f.create_dataset("meta", data=text, dtype=h5py.string_dtype("utf-8", len(text)))
    with pytest.raises(DamagedArchive, match="malformed probe header"):
        _ = open_archive(run).y


@pytest.mark.parametrize("key", ["arrays", "n_rows", "probe_sha256", "run_uuid", "y_kind"])
def test_a_probe_header_without_one_of_its_keys_is_refused(tmp_path: Path, key: str) -> None:
    run = write_run(tmp_path / "run", (0,))
    with h5py.File(run / "probe.h5", "r+") as f:
        body = json.loads(f["meta"][()])
        del body[key], body["crc32"]
        text = layout.sealed(body).encode()
        del f["meta"]
        f.create_dataset("meta", data=text, dtype=h5py.string_dtype("utf-8", len(text)))
    with pytest.raises(DamagedArchive, match=f"malformed probe header: .*{key}"):
        _ = open_archive(run).labels
