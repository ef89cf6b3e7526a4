"""Imported activations give the digests and numbers of the recorder."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from builders import hooks_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch
from scipy import sparse
from torch import nn
from typer.testing import CliRunner

import infoplane as ip
from infoplane.cli import app
from infoplane.errors import ArchiveExists, CaptureError, InfoplaneError, InputError
from infoplane.sources.chains import Declared
from infoplane.sources.rows import as_rows

STEPS = (0, 7)
X = np.random.default_rng(0).integers(0, 3, (60, 4)).astype(np.float32)
Y = np.arange(60) % 3
Layers = dict[str, np.ndarray]


def network(step: int) -> nn.Sequential:
    torch.manual_seed(step)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> ip.Archive:
    """What a recorder sees of two networks, as two steps."""
    to = tmp_path_factory.mktemp("truth") / "run"
    states = {step: network(step).state_dict() for step in STEPS}
    return ip.capture(network(0), probe=(X, Y), to=to, checkpoints=states, layers=["0", "1", "2"])


@pytest.fixture(scope="module")
def arrays(truth: ip.Archive) -> dict[int, Layers]:
    return {s: {f"l{name}": truth.z(s, name) for name in truth.layers} for s in truth.steps}


def assert_same(run: ip.Archive, truth: ip.Archive) -> None:
    """Digests and numbers bit for bit, whatever the layers are called."""
    assert run.steps == truth.steps and len(run.layers) == len(truth.layers)
    assert np.array_equal(run.y, truth.y)
    for step in truth.steps:
        for mine, theirs in zip(run.layers, truth.layers, strict=True):
            assert np.array_equal(run.row_digests(step, mine), truth.row_digests(step, theirs))
    values = [[p.bits for p in ip.measure(a, ["exact", "bin:szt"]).points] for a in (run, truth)]
    assert values[0] == values[1]


def _npy(folder: Path, arrays: dict[int, Layers]) -> dict[str, Any]:
    for step, layers in arrays.items():
        (folder / f"step{step}").mkdir(parents=True)
        for name, a in layers.items():
            np.save(folder / f"step{step}" / f"{name}.npy", a)
    return {"pattern": "step{step}/{layer}.npy"}


def _npz(folder: Path, arrays: dict[int, Layers]) -> dict[str, Any]:
    for step, layers in arrays.items():
        np.savez(folder / f"at{step}.npz", **layers)
    return {"pattern": "at{step}.npz"}


def _npz_packed(folder: Path, arrays: dict[int, Layers]) -> dict[str, Any]:
    for step, layers in arrays.items():
        np.savez_compressed(folder / f"at{step}.npz", **layers)
    return {"pattern": "at{step}.npz"}


def _safetensors(folder: Path, arrays: dict[int, Layers]) -> dict[str, Any]:
    for step, layers in arrays.items():
        save_file(layers, folder / f"{step}.safetensors")
    return {"pattern": "{step}.safetensors"}


def _pt(folder: Path, arrays: dict[int, Layers]) -> dict[str, Any]:
    for step, layers in arrays.items():
        torch.save(
            {k: torch.from_numpy(a.copy()) for k, a in layers.items()}, folder / f"{step}.pt"
        )
    return {"pattern": "{step}.pt"}


def _h5(folder: Path, arrays: dict[int, Layers]) -> dict[str, Any]:
    for step, layers in arrays.items():
        with h5py.File(folder / f"{step}.h5", "w") as file:
            for name, a in layers.items():
                file.create_dataset(name, data=a, chunks=(7, 2), compression="gzip")
    return {"pattern": "{step}.h5"}


def _zarr(folder: Path, arrays: dict[int, Layers]) -> dict[str, Any]:
    zarr = pytest.importorskip("zarr")
    for step, layers in arrays.items():
        group = zarr.open_group(str(folder / f"{step}.zarr"), mode="w")
        for name, a in layers.items():
            group.create_array(name, data=a, chunks=(7, 2))
    return {"pattern": "{step}.zarr"}


WRITERS: dict[str, Callable[[Path, dict[int, Layers]], dict[str, Any]]] = {
    "npy": _npy,
    "npz": _npz,
    "npz packed": _npz_packed,
    "safetensors": _safetensors,
    "pt": _pt,
    "h5": _h5,
    "zarr": _zarr,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_files_give_the_run_of_the_recorder(
    kind: str, arrays: dict[int, Layers], truth: ip.Archive, tmp_path: Path
) -> None:
    folder = tmp_path / "dump"
    folder.mkdir()
    options = WRITERS[kind](folder, arrays)
    np.save(folder / "labels.npy", Y)
    run = ip.import_run(folder, to=tmp_path / "run", y="labels.npy", x=X, **options)
    assert_same(run, truth)
    assert np.array_equal(run.row_ids, truth.row_ids)


@pytest.mark.parametrize("kind", ["numpy", "torch", "h5py", "zarr", "memmap"])
def test_arrays_of_any_library_give_the_run_of_the_recorder(
    kind: str, arrays: dict[int, Layers], truth: ip.Archive, tmp_path: Path
) -> None:
    def convert(a: np.ndarray, name: str) -> Any:  # Any: an array of any library
        if kind == "torch":
            return torch.from_numpy(a.copy()).requires_grad_()
        if kind == "h5py":
            return h5py.File(tmp_path / f"{name}.h5", "w").create_dataset("a", data=a)
        if kind == "zarr":
            zarr = pytest.importorskip("zarr")
            return zarr.create_array(store=str(tmp_path / f"{name}.zarr"), data=a)
        if kind == "memmap":
            np.save(tmp_path / f"{name}.npy", a)
            return np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        return a

    given = {
        s: {k: convert(a, f"{s}{k}") for k, a in layers.items()} for s, layers in arrays.items()
    }
    assert_same(ip.from_arrays(given, y=Y, x=X, to=tmp_path / "run"), truth)


@pytest.mark.slow
def test_importing_needs_no_torch(arrays: dict[int, Layers], tmp_path: Path) -> None:
    for kind in ("npy", "npz", "safetensors", "h5", "zarr"):
        (tmp_path / kind).mkdir()
        WRITERS[kind](tmp_path / kind, arrays)
    code = f"""
import sys, pathlib, infoplane as ip
root = pathlib.Path({str(tmp_path)!r})
patterns = {{"npy": "step{{step}}/{{layer}}.npy", "npz": "at{{step}}.npz"}}
for kind in ("npy", "npz", "safetensors", "h5", "zarr"):
    pattern = patterns.get(kind, "{{step}}." + kind)
    ip.import_run(root / kind, to=root / (kind + "-run"), pattern=pattern, y=list(range(60)))
assert "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int16, np.uint8, np.bool_]),
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=9),
        elements={"allow_nan": False, "allow_infinity": False} | {},
    )
    | hnp.arrays(np.int64, st.tuples(st.integers(1, 300), st.integers(0, 3)))
)
@settings(max_examples=40)
def test_blocks_are_the_rows_in_order(a: np.ndarray) -> None:
    rows = as_rows(a, "a")
    joined = np.concatenate(list(rows.blocks()))
    assert np.array_equal(joined, a) and joined.dtype == rows.store_dtype


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_as_the_recorder_widens_it(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    z = torch.randn(20, 3).to(dtype)
    save_torch({"a": z}, tmp_path / "z.safetensors")
    runs = [
        ip.import_run(tmp_path / "z.safetensors", to=tmp_path / "a"),
        ip.from_arrays({"a": z}, to=tmp_path / "b"),
    ]
    for run in runs:
        assert np.array_equal(run.z(0, "a"), z.float().numpy())


def test_the_order_of_layers_is_that_of_their_numbers_or_the_one_asked_for(tmp_path: Path) -> None:
    for name in ("fc10", "fc9", "fc1"):
        np.save(tmp_path / f"{name}.npy", np.eye(5))
    first = ip.import_run(tmp_path, to=tmp_path / "a")
    assert first.layers == ("fc1", "fc9", "fc10")
    other = ip.import_run(tmp_path, to=tmp_path / "b", layers=["fc9", "fc1*"])
    assert other.layers == ("fc9", "fc1", "fc10")


def test_rows_without_inputs_are_told_apart_as_the_archive_says(tmp_path: Path) -> None:
    z = np.eye(6)
    ids = [0, 0, 1, 1, 2, 2]
    runs = {
        "all different": ip.from_arrays({"a": z}, to=tmp_path / "a"),
        "row_ids": ip.from_arrays({"a": z}, row_ids=ids, to=tmp_path / "b"),
        "inputs": ip.from_arrays({"a": z}, x=np.array(ids), to=tmp_path / "c"),
    }
    assert {k: run.config["rows"] for k, run in runs.items()} == {k: k for k in runs}
    kinds = [len(set(run.row_ids.tolist())) for run in runs.values()]
    assert kinds == [6, 3, 3]


LISTS = [torch.ones(2), torch.ones(3)]
BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "rows": ({"a": np.eye(4), "b": np.eye(5)}, {}, "same rows"),
    "labels": ({"a": np.eye(4)}, {"y": [0, 1]}, "y has 2 rows"),
    "input named y": ({"a": np.eye(4)}, {"x": {"y": np.eye(3)}, "y": [0, 1, 2, 3]}, "y has 3 rows"),
    "shape": ({0: {"a": np.eye(4)}, 1: {"a": np.ones((4, 3))}}, {}, "give the same rows and units"),
    "missing": ({0: {"a": np.eye(4), "b": np.eye(4)}, 1: {"a": np.eye(4)}}, {}, r"\['b'\]"),
    "nan": ({"a": np.array([[1.0], [np.nan]])}, {}, "NaN"),
    "objects": ({"a": np.array([[1], [1, 2]], dtype=object)}, {}, "different lengths"),
    "ragged": ({"a": [[1], [1, 2]]}, {}, "different lengths"),
    "texts": ({"a": np.array(["x", "y"])}, {}, "real numbers"),
    "complex": ({"a": np.eye(2, dtype=complex)}, {}, "real numbers"),
    "scalar": ({"a": np.float32(1)}, {}, "rows, units"),
    "empty": ({"a": np.zeros((0, 3))}, {}, "rows, units"),
    "nothing": ({}, {}, "no arrays"),
    "masked": ({"a": np.ma.masked_equal(np.eye(3), 1)}, {}, "3 values are masked"),
    "masked labels": ({"a": np.eye(3)}, {"y": np.ma.masked_equal([0, 1, 2], 2)}, "are masked"),
    "nested": ({"a": torch.nested.nested_tensor(LISTS, layout=torch.jagged)}, {}, "pad it"),
    "sparse": ({"a": torch.eye(3).to_sparse()}, {}, "give it dense"),
    "ragged labels": ({"a": np.ones((2, 3, 1))}, {"y": [[1], [1, 2]], "rows": "token"}, "lengths"),
    "batches": ({"a": [np.eye(2), np.eye(2)]}, {}, "concatenate"),
    "mixed keys": ({0: {"a": np.eye(2)}, "b": np.eye(2)}, {}, "got both"),
    "step": ({-1: {"a": np.eye(2)}}, {}, "whole number"),
    "no layer": ({"a": np.eye(2)}, {"layers": ["z*"]}, "no layer"),
    "chain": ({"a": np.eye(2), "b": np.eye(2)}, {"chain": [("b", "a")]}, "order"),
    "one name as a chain": ({"a": np.eye(2)}, {"chain": "a"}, r"names in a row \('fc1,fc2"),
    "a gap in a chain": ({"a": np.eye(2)}, {"chain": "a,"}, "names of layers in a row"),
    "stranger in chain": ({"a": np.eye(2)}, {"chain": [("a", "q")]}, "no such layers"),
    "float labels": ({"a": np.eye(2)}, {"y": [0.5, 1.5]}, "y_kind"),
    "no mapping": (np.eye(3), {}, "expected {layer: array}"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_by_name_and_leaves_no_run(case: str, tmp_path: Path) -> None:
    arrays, options, message = BAD[case]
    with pytest.raises(InputError, match=message):
        ip.from_arrays(arrays, to=tmp_path / "run", **options)
    assert not (tmp_path / "run" / "run.json").exists()


class OfAccelerator(np.ndarray):
    """An array whose library says how it lies in memory, as that of jax does."""

    layout = "Layout(major_to_minor=(0, 1))"


def test_arrays_with_a_layout_of_another_library_are_arrays(tmp_path: Path) -> None:
    run = ip.from_arrays({"a": np.eye(3).view(OfAccelerator)}, to=tmp_path / "run")
    assert np.array_equal(run.z(0, "a"), np.eye(3))


def test_tables_and_columns_are_arrays(tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(6, 3))
    columns = datasets.Dataset.from_dict({"a": z.tolist()})["a"]
    for name, values in {"table": pd.DataFrame(z), "column": columns}.items():
        run = ip.from_arrays({"a": values}, to=tmp_path / name)
        np.testing.assert_array_equal(run.z(0, "a"), z)


def test_nan_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    z = np.array([[1.0], [np.nan]])
    run = ip.from_arrays({"a": z}, to=tmp_path / "run", nonfinite="keep")
    assert run.n_nonfinite(0, "a") == 1


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.pt"])
def test_pickles_are_refused_and_not_run(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (print, ("executed",))

    objects = np.array([Hostile()], dtype=object)
    if name == "a.npy":
        np.save(tmp_path / name, objects, allow_pickle=True)
    elif name == "a.npz":
        np.savez(tmp_path / name, a=objects)
    else:
        (tmp_path / name).write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(InputError):
        ip.import_run(tmp_path / name, to=tmp_path / "run")
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", WRITERS)
def test_a_truncated_file_is_refused_by_name(
    kind: str, arrays: dict[int, Layers], tmp_path: Path
) -> None:
    if kind == "zarr":
        pytest.skip("a folder of files")
    folder = tmp_path / "dump"
    folder.mkdir()
    options = WRITERS[kind](folder, {0: arrays[0]})
    file = sorted(p for p in folder.rglob("*") if p.is_file())[0]
    file.write_bytes(file.read_bytes()[:-150])
    with pytest.raises(InfoplaneError, match=file.stem):
        ip.import_run(folder, to=tmp_path / "run", **options)


@pytest.mark.parametrize(
    "options",
    [
        {"pattern": "epoch{step}/{layer}.npy"},
        {"pattern": "step{step}/{name}.npy"},
        {},
        {"pattern": "step{step}/{layer}.npy", "y": "nothing.npy"},
    ],
)
def test_patterns_and_names_that_lead_nowhere_are_refused(
    options: dict[str, Any], arrays: dict[int, Layers], tmp_path: Path
) -> None:
    _npy(tmp_path / "dump", arrays)
    with pytest.raises(InputError):
        ip.import_run(tmp_path / "dump", to=tmp_path / "run", **options)


def test_labels_that_nobody_named_do_not_become_a_layer(tmp_path: Path) -> None:
    np.savez(tmp_path / "z.npz", fc=np.eye(4), labels=np.arange(4))
    with pytest.raises(InputError, match="give y='labels'"):
        ip.import_run(tmp_path / "z.npz", to=tmp_path / "run")
    assert ip.import_run(tmp_path / "z.npz", to=tmp_path / "run", y="labels").layers == ("fc",)


def test_a_colon_names_one_array_of_a_file_of_several(tmp_path: Path) -> None:
    (tmp_path / "dump").mkdir()
    np.save(tmp_path / "dump" / "fc.npy", np.eye(4))
    np.savez(tmp_path / "dump" / "rest.npz", ids=np.arange(8).reshape(4, 2), label=np.arange(4))
    options = {"to": tmp_path / "run", "layers": ["fc"], "x": "rest.npz:ids"}
    with pytest.raises(InputError, match="name the array behind a colon, such as 'rest.npz:ids'"):
        ip.import_run(tmp_path / "dump", **options | {"y": "rest.npz"})
    with pytest.raises(InputError, match=r"expected one array, got \['ids', 'label'\]"):
        ip.import_run(tmp_path / "dump", **options | {"y": "rest.npz:labels"})
    run = ip.import_run(tmp_path / "dump", **options | {"y": "rest.npz:label"})
    assert run.y.tolist() == [0, 1, 2, 3] and run.x.shape == (4, 2)


def test_a_run_of_ours_is_not_imported(truth: ip.Archive, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="open_archive"):
        ip.import_run(truth.path, to=tmp_path / "run")


def test_a_run_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    ip.from_arrays({"a": np.eye(3)}, to=tmp_path / "run")
    with pytest.raises(ArchiveExists):
        ip.from_arrays({"a": np.eye(4)}, to=tmp_path / "run")
    assert ip.from_arrays({"a": np.eye(4)}, to=tmp_path / "run", overwrite=True).n_rows == 4


def test_a_declared_chain_judges_pairs_on_your_word(
    arrays: dict[int, Layers], tmp_path: Path
) -> None:
    run = ip.from_arrays(arrays, y=Y, x=X, to=tmp_path / "run", chain="sequential")
    report = ip.check_dpi(ip.measure(run, ["exact", "knn:k=3"]))
    assert not report.of("not comparable") and "on your word" in str(report)
    silent = ip.from_arrays(arrays, y=Y, x=X, to=tmp_path / "other")
    assert ip.check_dpi(ip.measure(silent, "exact")).of("not comparable")


@pytest.mark.parametrize("chain", [[("a", "b"), ("b", "d")], "a,b,d"])
def test_declared_pairs_are_followed_and_nothing_else(chain: Declared, tmp_path: Path) -> None:
    z = np.eye(4)
    run = ip.from_arrays(dict.fromkeys("abcd", z), to=tmp_path / "run", chain=chain)
    assert run.chain is not None
    related = {(u, d) for u in "abcd" for d in "abcd" if run.chain.relation(u, d) == "declared"}
    assert related == {("a", "b"), ("b", "d"), ("a", "d")}


@pytest.fixture
def shell(arrays: dict[int, Layers], tmp_path: Path) -> list[str]:
    """The arguments of the command over a folder of arrays."""
    _npy(tmp_path / "dump", arrays)
    np.save(tmp_path / "dump" / "labels.npy", Y)
    return [
        "import",
        str(tmp_path / "dump"),
        "--pattern",
        "step{step}/{layer}.npy",
        "--labels",
        "labels.npy",
        "-o",
        str(tmp_path / "run"),
    ]


def test_the_command_imports(shell: list[str], truth: ip.Archive, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, shell)
    assert done.exit_code == 0, done.output
    run = ip.open_archive(tmp_path / "run")
    assert run.steps == STEPS and np.array_equal(run.z(7, "l2"), truth.z(7, "2"))


SHELL_CHAINS = {
    "sequential": ["sequential"],
    "names in a row": ["l0,l1,l2"],
    "pairs": ["l0,l1", "l1, l2"],
}


@pytest.mark.parametrize("words", SHELL_CHAINS.values(), ids=SHELL_CHAINS)
def test_the_command_takes_a_declared_chain(
    words: list[str], shell: list[str], tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, [*shell, *(f"--chain={word}" for word in words)])
    assert done.exit_code == 0, done.output
    chain = ip.open_archive(tmp_path / "run").chain
    assert chain is not None
    assert chain.count("declared") == 3 and chain.relation("l0", "l2") == "declared"


@pytest.fixture
def coder(tmp_path: Path) -> list[str]:
    """The import of an encoder, a bottleneck and a decoder, as one sequential chain."""
    z = np.random.default_rng(0).normal(size=(12, 3))
    _npy(tmp_path / "dump", {1: {"enc": z, "bottleneck": z[:, :1], "dec": z}})
    pattern = "--pattern=step{step}/{layer}.npy"
    out = str(tmp_path / "run")
    return ["import", str(tmp_path / "dump"), pattern, "-o", out, "--chain=sequential"]


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["import", "dry run"])
def test_an_order_of_names_alone_is_said_with_how_to_give_another(
    coder: list[str], dry: list[str]
) -> None:
    told = CliRunner().invoke(app, [*coder, *dry]).output
    assert "chain: bottleneck > dec > enc" in told and "that of the names alone" in told
    assert "--layer NAME" in told


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["import", "dry run"])
def test_an_order_that_was_given_is_printed_as_it_is(coder: list[str], dry: list[str]) -> None:
    order = ["--layer=enc", "--layer=bottleneck", "--layer=dec"]
    told = CliRunner().invoke(app, [*coder, *order, *dry]).output
    assert "chain: enc > bottleneck > dec" in told and "names alone" not in told


def test_an_order_by_a_glob_is_one_of_names_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _npy(tmp_path / "dump", {1: dict.fromkeys("ba", np.eye(4))})
    how: dict[str, Any] = {"pattern": "step{step}/{layer}.npy", "chain": "sequential"}
    ip.import_run(tmp_path / "dump", to=tmp_path / "run", layers=["*"], **how)
    assert "chain: a > b" in (said := capsys.readouterr().err) and "names alone" in said


def test_the_order_in_an_npz_is_that_in_which_it_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "z.npz", a=np.eye(4), b=np.eye(4))
    ip.import_run(tmp_path / "z.npz", to=tmp_path / "run", chain="sequential")
    assert capsys.readouterr().err == "chain: a > b, each computed from the one before alone\n"


def test_a_dry_run_shows_declared_pairs(shell: list[str]) -> None:
    told = CliRunner().invoke(app, [*shell, "--chain=l0,l1", "--chain=l0,l2", "--dry-run"]).output
    assert "chain: l0 > l1, l0 > l2" in told


def test_a_pair_that_is_not_declared_is_not_compared(shell: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*shell, "--chain", "l1,l2"])
    assert done.exit_code == 0, done.output
    chain = ip.open_archive(tmp_path / "run").chain
    assert chain is not None
    assert chain.relation("l1", "l2") == "declared" and chain.relation("l0", "l1") == "unknown"


def test_the_command_takes_the_certificate_of_a_run(
    shell: list[str], truth: ip.Archive, tmp_path: Path
) -> None:
    named = {"l0": "0", "l1": "1", "l2": "2"}
    for step in STEPS:
        for new, old in named.items():
            file = tmp_path / "dump" / f"step{step}" / f"{new}.npy"
            file.rename(file.with_name(f"{old}.npy"))
    done = CliRunner().invoke(app, [*shell, "--chain", str(truth.path)])
    assert done.exit_code == 0, done.output
    chain = ip.open_archive(tmp_path / "run").chain
    assert chain is not None and truth.chain is not None
    assert chain.relation("0", "2") == truth.chain.relation("0", "2") == "cut"


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["import", "dry run"])
@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ("parallel", "expected sequential, names of layers in a row"),
        ("l0,", "expected sequential, names of layers in a row"),
        ("l0,fc9", r"no such layers \['fc9'\]"),
        ("l1,l0", "order of the layers"),
        ("l0,l1 --chain=sequential", "declares every layer"),
    ],
)
def test_the_command_refuses_a_chain_that_cannot_be(
    chain: str, message: str, dry: list[str], shell: list[str], tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, [*shell, *f"--chain={chain}".split(), *dry])
    assert re.search(message, str(done.exception))
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize("chain", [True, 3, "runs/a", ["a", "b"]])
def test_a_chain_that_is_none_is_refused_with_what_one_is(chain: object, tmp_path: Path) -> None:
    layers = {"a": np.eye(3), "b": np.eye(3)}
    with pytest.raises(InputError, match="chain= expects .*pairs of layers"):
        ip.from_arrays(layers, to=tmp_path / "run", chain=chain)  # type: ignore[arg-type]


def test_certificates_of_other_layers_and_runs_without_one_are_refused(
    shell: list[str], truth: ip.Archive, tmp_path: Path
) -> None:
    other = CliRunner().invoke(app, [*shell, "--chain", str(truth.path)])
    assert "the certificate is of other layers" in str(other.exception)
    bare = ip.from_arrays({"l0": np.eye(3)}, to=tmp_path / "bare")
    without = CliRunner().invoke(app, [*shell, "--chain", str(bare.path)])
    assert "no certificate of its layers; make one" in str(without.exception)


def test_a_dry_run_says_what_is_what_and_writes_nothing(shell: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*shell, "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "2 steps [0, 7], 3 layers, 60 rows" in done.output and "l1: 6 float32" in done.output
    assert not (tmp_path / "run").exists()


def test_a_dry_run_refuses_labels_that_the_import_would_refuse(
    shell: list[str], tmp_path: Path
) -> None:
    np.save(tmp_path / "targets.npy", np.linspace(0, 1, 60, dtype=np.float32))
    floats = [str(tmp_path / "targets.npy") if part == "labels.npy" else part for part in shell]
    refused = CliRunner().invoke(app, [*floats, "--dry-run"])
    assert "y_kind" in str(refused.exception)
    told = CliRunner().invoke(app, [*floats, "--dry-run", "--y-kind", "continuous"])
    assert "y: float32 of shape (60,), continuous labels" in told.output


def test_a_dry_run_takes_row_ids_for_no_layer_and_refuses_labels_that_nobody_named(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "dump"
    folder.mkdir()
    np.save(folder / "fc1.npy", np.eye(4))
    np.save(folder / "same.npy", np.array([0, 1, 1, 2]))
    command = ["import", str(folder), "-o", str(tmp_path / "run"), "--dry-run"]
    told = CliRunner().invoke(app, [*command, "--row-ids", "same.npy"])
    assert "1 layer, 4 rows" in told.output and "row_ids: int64 of shape (4,)" in told.output
    np.save(folder / "labels.npy", np.arange(4))
    refused = CliRunner().invoke(app, [*command, "--row-ids", "same.npy"])
    assert "look like labels" in str(refused.exception)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_npz_is_refused_and_leaves_no_run(save: Any, tmp_path: Path) -> None:
    save(tmp_path / "z.npz", fc1=np.random.default_rng(0).normal(size=(400, 30)))
    raw = bytearray((tmp_path / "z.npz").read_bytes())
    raw[len(raw) // 2] ^= 255
    (tmp_path / "z.npz").write_bytes(raw)
    with pytest.raises(InputError, match="rows 0:400 cannot be read"):
        ip.import_run(tmp_path / "z.npz", to=tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


class Norm(nn.Module):
    """A network with a block that works in place, and a norm at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.act, self.out = nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 5)
        self.norm = nn.LayerNorm(5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.out(self.act(self.fc(x))))  # type: ignore[no-any-return]  # a tensor


def activations(net: Norm) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        fc = net.fc(torch.from_numpy(X))
        out = net.out(torch.relu(fc))
        return {"fc": fc, "act": torch.relu(fc), "out": out, "norm": net.norm(out)}


FAULTS: dict[str, tuple[Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], str]] = {
    "order": (lambda z: {"fc": z["fc"].flip(0)}, "another order"),
    "in place": (lambda z: {"fc": z["act"]}, "buffer that was reused or changed in place"),
    "last batch": (lambda z: {"fc": z["fc"][-20:].repeat(3, 1)}, "every batch is the last one"),
    "normed": (lambda z: {"out": z["norm"]}, "output of norm, which is normed"),
    "normed block": (lambda z: {"block 3": z["norm"]}, "final \\(normed\\)"),
    "units": (lambda z: {"fc": z["fc"][:, :3]}, "rows of shape"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_verifying_names_what_is_wrong(fault: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Norm()
    plant, message = FAULTS[fault]
    with pytest.raises(CaptureError, match=message):
        ip.from_arrays(plant(activations(net)), x=X, to=tmp_path / "run", verify_with=net)
    assert not (tmp_path / "run").exists()


def test_verifying_names_another_checkpoint(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, other = Norm(), Norm()
    with pytest.raises(CaptureError, match="another checkpoint"):
        ip.from_arrays(activations(other), x=X, to=tmp_path / "run", verify_with=net)


def test_verifying_passes_what_is_right_and_leaves_the_network_alone(tmp_path: Path) -> None:
    net = Norm()
    run = ip.from_arrays(activations(net), x=X, to=tmp_path / "run", verify_with=net)
    assert run.layers == ("fc", "act", "out", "norm")
    assert net.training and not any(hooks_of(net))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_verifying_passes_arrays_that_were_stored_in_half_precision(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    net = Norm().eval()
    arrays = {name: torch.as_tensor(array).to(dtype) for name, array in activations(net).items()}
    run = ip.from_arrays(arrays, x=X, to=tmp_path / "run", verify_with=net)
    assert run.layers == ("fc", "act", "out", "norm")
    arrays["act"] = arrays["act"].flip(0)
    with pytest.raises(CaptureError, match="act: holds the right rows in another order"):
        ip.from_arrays(arrays, x=X, to=tmp_path / "shuffled", verify_with=net)


def test_verifying_needs_inputs(tmp_path: Path) -> None:
    net = Norm()
    with pytest.raises(InputError, match="x="):
        ip.from_arrays(activations(net), to=tmp_path / "run", verify_with=net)


def test_names_instead_of_a_layer_table_are_sent_to_from_arrays(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="from_arrays"):
        ip.archive.RunWriter.create(tmp_path / "run", layers=["hidden"], x=None, y=Y)  # type: ignore[list-item]  # the point of the test


def filled_anew(kind: str) -> dict[int, dict[str, Any]]:  # Any: an array of numpy or torch
    """Steps as a careless loop stores them: one buffer."""
    values = np.random.default_rng(0).normal(size=(3, 8, 2)).astype(np.float32)
    buffer = torch.zeros(8, 2) if kind == "torch" else np.zeros((8, 2), np.float32)
    steps = {}
    for step in range(2):
        buffer[:] = torch.as_tensor(values[step]) if kind == "torch" else values[step]
        steps[step] = {"fc": buffer[:] if kind == "view" else buffer}
    return steps


@pytest.mark.parametrize("kind", ["numpy", "torch", "view"])
def test_a_buffer_that_was_filled_anew_at_every_step_is_warned_of(
    kind: str, tmp_path: Path
) -> None:
    with pytest.warns(RuntimeWarning, match=r"steps 0 and 1 are the same memory.*copy"):
        ip.from_arrays(filled_anew(kind), to=tmp_path / "run")


def test_a_layer_that_stays_and_parts_of_one_array_are_no_buffer(tmp_path: Path) -> None:
    frozen, moving = np.zeros((8, 2), np.float32), np.random.default_rng(0).normal(size=(2, 8, 2))
    steps = {step: {"frozen": frozen, "fc": moving[step]} for step in range(2)}
    assert np.array_equal(ip.from_arrays(steps, to=tmp_path / "run").z(1, "fc"), moving[1])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"step_1": {"fc": np.ones((4, 2))}, "step_2": {"fc": np.ones((4, 2))}}, "look like steps"),
        ({0.5: {"fc": np.ones((4, 2))}, 1.5: {"fc": np.ones((4, 2))}}, "look like steps"),
        ({"1": {"fc": np.ones((4, 2))}, "2": {"fc": np.ones((4, 2))}}, "look like steps"),
        ({"fc_step1": np.ones((4, 2)), "fc_step2": np.ones((4, 2))}, "layers of several steps"),
        ({"epoch1/fc": np.ones((4, 2)), "epoch2/fc": np.ones((4, 2))}, "layers of several steps"),
        ({"a.fc": np.ones((4, 2)), "a": {"fc": np.zeros((4, 2))}}, "two arrays have the name"),
        ({"rnn": (np.ones((4, 2)), (np.ones((4, 2)), np.ones((4, 2))))}, "the one that is the lay"),
        ({"fc": sparse.csr_matrix(np.ones((4, 2)))}, "sparse"),
        ({"fc": {1: np.ones((4, 2)), 2: np.ones((4, 2))}}, "turn the two around"),
        ({"fc": list(np.ones((4, 2)))}, "np.stack"),
        ({"fc": [np.ones((4, 2)), np.ones((3, 2))]}, "np.concatenate"),
    ],
)
def test_arrays_in_another_order_than_expected_are_refused(
    arrays: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        ip.from_arrays(arrays, to=tmp_path / "run")


def test_layers_may_be_named_as_steps_where_they_are_chosen(tmp_path: Path) -> None:
    arrays = {"block_iter1": np.eye(4), "block_iter2": np.eye(4)}
    run = ip.from_arrays(arrays, to=tmp_path / "run", layers=["block_*"])
    assert run.layers == ("block_iter1", "block_iter2")


def _steps_with_labels(folder: Path, form: str, second: np.ndarray) -> tuple[Path, dict[str, str]]:
    """Two steps with their labels, those of the second as given; how they are imported."""
    folder.mkdir()
    if form == "npz":
        for step, labels in ((1, np.arange(4)), (2, second)):
            np.savez(folder / f"step{step}.npz", fc=np.eye(4) + step, labels=labels)
        return folder, {"pattern": "step{step}.npz", "y": "step1.npz:labels"}
    if form == "npy":
        for step, labels in ((1, np.arange(4)), (2, second)):
            (folder / f"step{step}").mkdir()
            np.save(folder / f"step{step}" / "fc.npy", np.eye(4) + step)
            np.save(folder / f"step{step}" / "labels.npy", labels)
        return folder, {"pattern": "step{step}/{layer}.npy", "y": "step1/labels.npy"}
    file = folder / "all.npz"
    first = {"step1/fc": np.eye(4) + 1, "step1/labels": np.arange(4)}
    np.savez(file, **first, **{"step2/fc": np.eye(4) + 2, "step2/labels": second})
    return file, {"pattern": "step{step}/{layer}", "y": "step1/labels"}


@pytest.mark.parametrize("form", ["npz", "npy", "one file"])
def test_labels_beside_the_layers_of_every_step_are_no_layer(form: str, tmp_path: Path) -> None:
    path, options = _steps_with_labels(tmp_path / "dump", form, np.arange(4))
    run = ip.import_run(path, to=tmp_path / "run", **options)  # type: ignore[arg-type]  # strings
    assert run.steps == (1, 2) and run.layers == ("fc",)
    assert np.array_equal(run.z(1, "fc"), np.eye(4) + 1) and run.y.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("form", ["npz", "npy", "one file"])
@pytest.mark.parametrize("layers", [None, ["fc"]])
def test_steps_whose_rows_are_in_another_order_are_refused(
    form: str, layers: list[str] | None, tmp_path: Path
) -> None:
    path, options = _steps_with_labels(tmp_path / "dump", form, np.arange(4)[::-1])
    with pytest.raises(InputError, match="step 2: its 'labels' differs"):
        ip.import_run(path, to=tmp_path / "run", layers=layers, **options)  # type: ignore[arg-type]  # strings


def test_inputs_with_missing_values_may_lie_beside_the_layers_of_every_step(
    tmp_path: Path,
) -> None:
    inputs = np.array([[1.0, np.nan], [2.0, 3.0]])
    (tmp_path / "dump").mkdir()
    for step in (1, 2):
        np.savez(tmp_path / "dump" / f"{step}.npz", fc=np.eye(2), inputs=inputs)
    run = ip.import_run(
        tmp_path / "dump", pattern="{step}.npz", x="1.npz:inputs", to=tmp_path / "run"
    )
    assert run.layers == ("fc",)


def test_hidden_files_and_names_of_nothing_become_no_layer(tmp_path: Path) -> None:
    (tmp_path / "dump" / ".ipynb_checkpoints").mkdir(parents=True)
    with pytest.raises(InputError, match="dump: holds no layers, in files of .npy"):
        ip.import_run(tmp_path / "dump", to=tmp_path / "run")
    for name in ("fc", ".ipynb_checkpoints/fc-checkpoint"):
        np.save(tmp_path / "dump" / f"{name}.npy", np.eye(4))
    assert ip.import_run(tmp_path / "dump", to=tmp_path / "run").layers == ("fc",)
    alone = ip.import_run(tmp_path / "dump" / "fc.npy", to=tmp_path / "alone")
    assert alone.layers == ("fc",)


def test_columns_of_lists_are_rows_of_units(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    values = np.random.default_rng(0).normal(size=(6, 3))
    columns = {
        "lists": pa.table({"a": pa.array(values.tolist())})["a"],
        "fixed": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 3),
        "series": pd.Series(list(values)),
    }
    run = ip.from_arrays(columns, to=tmp_path / "run")
    for name in columns:
        assert np.array_equal(run.z(0, name), values)
    with pytest.raises(InputError, match="different lengths"):
        ip.from_arrays({"ragged": pd.Series([[1.0], [1.0, 2.0]])}, to=tmp_path / "ragged")
