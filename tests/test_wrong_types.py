"""Headers with right checksums and values of wrong types are refused by name."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.live.follow import RunSource
from infoplane.analysis.report.content import page_data
from infoplane.archive import RunWriter, layout, open_archive, pack, verify
from infoplane.archive.publish import LIBVER, put_meta
from infoplane.errors import InfoplaneError
from infoplane.types import LayerInfo

WRONG: tuple[object, ...] = (None, True, -1, 1.5, 10**30, "text", [], [None], {}, {"a": {}}, [[1]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps and a plane measured from it."""
    path = tmp_path_factory.mktemp("sound")
    z = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    layers = [LayerInfo(name, i, "Linear", (2,)) for i, name in enumerate("ab")]
    config = {"seed": 0, "mode": "eval", "batch_size": 20, "tags": {"note": "n"}, "silent": ["c"]}
    with RunWriter.create(
        path / "run", layers=layers, x=z, y=np.arange(20) % 2, config=config, durable=False
    ) as writer:
        for step in (0, 5):
            with writer.step(step, metrics={"loss": 0.5}, meta={"mode": "eval"}) as shard:
                shard.write("a", z)
                shard.write("b", z[:, ::-1])
                shard.attach("failures", {"failures": []})
    ip.measure(path / "run", ["exact", "bin:szt"]).save(path / "plane.h5")
    return path


def mutants(body: Any) -> Iterator[tuple[str, Callable[[Any], None]]]:  # Any: JSON
    """Places of a JSON value, and how to set each."""
    pairs = body.items() if isinstance(body, dict) else enumerate(body)
    for key, value in list(pairs)[:12]:
        yield str(key), lambda wrong, key=key, body=body: body.__setitem__(key, wrong)
        if isinstance(value, (dict, list)):
            for place, put in mutants(value):
                yield f"{key}.{place}", put


def every_mutant(text: bytes) -> Iterator[tuple[str, str]]:
    """Name and sealed text of every single replacement by a value of another kind."""
    count = len(list(mutants(json.loads(text))))
    for k in range(count):
        for wrong in WRONG:
            body = json.loads(text)
            place, put = list(mutants(body))[k]
            if place in ("format", "format_version", "crc32"):
                continue
            put(wrong)
            body.pop("crc32")
            with contextlib.suppress(Exception):
                yield f"{place} = {wrong!r}", layout.sealed(body)


def bare(use: Callable[[], object]) -> str:
    """The kind of an error that is none of ours; empty where there is none."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            use()
    except InfoplaneError:
        return ""
    except Exception as error:
        tb = error.__traceback__
        while tb is not None and tb.tb_next is not None:
            tb = tb.tb_next
        where = "" if tb is None else f"{Path(tb.tb_frame.f_code.co_filename).name}:{tb.tb_lineno}"
        return f"{type(error).__name__} at {where}: {error}"
    return ""


def use_run(run: Path, out: Path) -> Iterator[Callable[[], object]]:
    """What is done with a run."""
    yield lambda: (str(open_archive(run)), open_archive(run).metrics, open_archive(run).config)
    yield lambda: ip.measure(run, ["bin:szt"], resume=False)
    yield lambda: ip.check_dpi(ip.measure(run, "exact", resume=False), archive=open_archive(run))
    yield lambda: page_data(RunSource(run).plane(), title="t")
    yield lambda: verify(run)
    yield lambda: pack(run, out / "packed.h5", overwrite=True)


def replace_meta(file: Path, text: str) -> None:
    with h5py.File(file, "r+", libver=LIBVER) as h5:
        del h5[layout.META]
        put_meta(h5, text)


@pytest.mark.slow
def test_a_run_header_with_values_of_wrong_types_gives_our_errors_only(
    folder: Path, tmp_path: Path
) -> None:
    path = folder / "run/run.json"
    sound = path.read_bytes()
    found = {}
    try:
        for name, text in every_mutant(sound):
            path.write_text(text)
            for use in use_run(folder / "run", tmp_path):
                if problem := bare(use):
                    found.setdefault(problem, name)
    finally:
        path.write_bytes(sound)
    assert not found, "\n".join(f"{v}: {k}" for k, v in found.items())


@pytest.mark.slow
def test_a_plane_header_with_values_of_wrong_types_gives_our_errors_only(
    folder: Path, tmp_path: Path
) -> None:
    source, file = folder / "plane.h5", tmp_path / "plane.h5"
    with h5py.File(source) as h5:
        sound = bytes(h5[layout.META][()])
    found = {}
    for name, text in every_mutant(sound):
        file.write_bytes(source.read_bytes())
        replace_meta(file, text)

        def use(file: Path = file) -> None:
            plane = ip.Plane.load(file)
            str(plane), plane.rows(), plane.log2_n
            report = ip.check_dpi(plane)
            page_data(plane, report, title="t")

        if problem := bare(use):
            found.setdefault(problem, name)
    assert not found, "\n".join(f"{v}: {k}" for k, v in found.items())


def bare_errors_of_mutants(file: Path, run: Path, scratch: Path) -> dict[str, str]:
    """What ends in an error that is not ours, by error, of a run one of whose headers holds wrong
    types.
    """
    whole = file.read_bytes()
    with h5py.File(file) as h5:
        sound = bytes(h5[layout.META][()])
    found: dict[str, str] = {}
    try:
        for name, text in every_mutant(sound):
            file.write_bytes(whole)
            replace_meta(file, text)
            for use in use_run(run, scratch):
                if problem := bare(use):
                    found.setdefault(problem, name)
    finally:
        file.write_bytes(whole)
    return found


@pytest.mark.slow
def test_a_shard_header_with_values_of_wrong_types_gives_our_errors_only(
    folder: Path, tmp_path: Path
) -> None:
    shard = next((folder / "run/ckpt").glob("*.h5"))
    found = bare_errors_of_mutants(shard, folder / "run", tmp_path)
    assert not found, "\n".join(f"{v}: {k}" for k, v in found.items())


@pytest.mark.slow
def test_a_probe_header_with_values_of_wrong_types_gives_our_errors_only(
    folder: Path, tmp_path: Path
) -> None:
    found = bare_errors_of_mutants(folder / "run/probe.h5", folder / "run", tmp_path)
    assert not found, "\n".join(f"{v}: {k}" for k, v in found.items())
