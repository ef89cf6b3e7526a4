"""Hostile and damaged archives: a clear error, bounded time and memory, nothing written outside."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest

from infoplane.archive import (
    ResultLog,
    RunWriter,
    layout,
    load_plane,
    open_archive,
    pack,
    save_plane,
    verify,
)
from infoplane.archive.publish import LIBVER
from infoplane.errors import ArchiveError, DamagedArchive, InputError
from infoplane.plane import Failure, Plane
from infoplane.types import Chain, LayerInfo

N = 16
X = np.arange(N * 2, dtype=np.float32).reshape(N, 2)
LAYERS = [LayerInfo("l", 0, shape=(3,))]
Z = np.random.default_rng(0).standard_normal((N, 3)).astype(np.float32)
SECRET = np.full((N, 3), 7.0, np.float32)


@pytest.fixture
def placed(tmp_path) -> Path:
    """A run as it is written: its tables say where the arrays lie, so that reading them asks HDF5
    nothing.
    """
    with (
        RunWriter.create(
            tmp_path / "run", layers=LAYERS, x=X, y=np.arange(N) % 2, durable=False
        ) as writer,
        writer.step(0) as shard,
    ):
        shard.write("l", Z)
    return tmp_path / "run"


@pytest.fixture
def run(placed) -> Path:
    """The same without these places, as format 1.0 and an enemy write it: every read goes through
    HDF5.
    """
    reseal(
        placed,
        lambda body: [
            row.pop(key, None) for row in body["layers"] for key in layout.PLACES.values()
        ],
    )
    return placed


def shard_of(run: Path) -> Path:
    (path,) = (run / "ckpt").glob("0*.h5")
    return path


def reseal(run: Path, change) -> None:
    """Rewrite a shard's header as an enemy who knows the format would: with a right checksum."""
    with h5py.File(shard_of(run), "r+") as f:
        body = json.loads(f["meta"][()])
        body.pop("crc32")
        change(body)
        text = layout.sealed(body).encode()
        del f["meta"]
        f.create_dataset("meta", data=text, dtype=h5py.string_dtype("utf-8", len(text)))


def rewrite(file: h5py.File, body: dict[str, object]) -> None:
    text = layout.sealed(body).encode()
    del file["meta"]
    file.create_dataset("meta", data=text, dtype=h5py.string_dtype("utf-8", len(text)))


def read_all(path: Path) -> None:
    archive = open_archive(path)
    for step, layer in archive:
        archive.z(step, layer)
        archive.row_digests(step, layer)
    _ = archive.x, archive.y, archive.row_ids, archive.split, archive.chain, archive.digest


def refused(path: Path, *words: str) -> str:
    with pytest.raises(ArchiveError) as caught:
        read_all(path)
    for word in (str(path), *words):
        assert word in str(caught.value), f"{word!r} not in {caught.value}"
    assert any(word in problem for problem in verify(path) for word in words)
    return str(caught.value)


def unplace(run: Path) -> None:
    """Take the places of arrays out of the table, so that HDF5 is asked for them; as long as they
    are in it, nothing but what was captured is read.
    """
    with contextlib.suppress(ArchiveError):
        np.testing.assert_array_equal(open_archive(run).z(0, "l"), Z)
    reseal(
        run, lambda body: [body["layers"][0].pop(key, None) for key in ("offset", "rows_offset")]
    )


def replace_array(run: Path, make) -> None:
    """Put another object where the layer's array was, at no place that the table knows;
    ``make(group, key)`` creates it.
    """
    with h5py.File(shard_of(run), "r+") as f:
        del f["layers/0000/call/0"]
        make(f["layers/0000/call"], "0")
    unplace(run)


def test_an_external_link_is_not_followed(run, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as f:
        f["z"] = SECRET
    replace_array(
        run, lambda g, key: g.__setitem__(key, h5py.ExternalLink(str(tmp_path / "secret.h5"), "/z"))
    )
    refused(run, "layers/0000/call/0", "links are not followed")


def test_a_soft_link_and_a_dangling_cycle_are_not_followed(run):
    replace_array(run, lambda g, key: g.__setitem__(key, h5py.SoftLink("/layers/0000/call/0")))
    refused(run, "layers/0000/call/0", "links are not followed")


def test_a_virtual_dataset_is_not_followed(run, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as f:
        f["z"] = SECRET

    def make(g, key):
        virtual = h5py.VirtualLayout((N, 3), "f4")
        virtual[...] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "z", (N, 3))
        g.create_virtual_dataset(key, virtual)

    replace_array(run, make)
    refused(run, "layers/0000/call/0", "virtual or external")


def test_external_storage_is_not_followed(run, tmp_path):
    SECRET.tofile(tmp_path / "secret.bin")
    replace_array(
        run,
        lambda g, key: g.create_dataset(
            key, (N, 3), "f4", external=[(str(tmp_path / "secret.bin"), 0, SECRET.nbytes)]
        ),
    )
    refused(run, "layers/0000/call/0", "virtual or external")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda f, text, out: f.__setitem__("meta", h5py.SoftLink("/kept")),
            "links are not followed",
        ),
        (
            lambda f, text, out: f.__setitem__("meta", h5py.SoftLink("/nowhere")),
            "links are not followed",
        ),
        (
            lambda f, text, out: f.__setitem__("meta", h5py.ExternalLink(str(out), "/meta")),
            "links are not followed",
        ),
        (lambda f, text, out: None, "not a file of infoplane"),
        (lambda f, text, out: f.create_group("meta"), "scalar fixed-length string"),
        (lambda f, text, out: f.__setitem__("meta", np.dtype("f4")), "scalar fixed-length string"),
        (lambda f, text, out: f.create_dataset("meta", data=7), "scalar fixed-length string"),
        (
            lambda f, text, out: f.create_dataset("meta", data=text, dtype=h5py.string_dtype()),
            "scalar fixed-length string",
        ),
        (
            lambda f, text, out: f.create_dataset("meta", data=[np.bytes_(text)]),
            "scalar fixed-length string",
        ),
        (
            lambda f, text, out: f.create_dataset("meta", data=h5py.Empty(f"S{len(text)}")),
            "scalar fixed-length string",
        ),
        (lambda f, text, out: f.create_dataset("meta", (), f"S{len(text)}"), "but stores 0"),
    ],
)
def test_a_header_is_a_text_in_the_file_itself(run, tmp_path, make, words):
    with h5py.File(shard_of(run), "r+") as f, h5py.File(tmp_path / "out.h5", "w") as out:
        text = f["meta"][()]
        f.move("meta", "kept")
        out["meta"] = np.bytes_(text)
        make(f, text, tmp_path / "out.h5")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    refused(run, words)
    assert not before or len(os.listdir("/proc/self/fd")) == before


def test_a_cyclic_hard_link_ends(run):
    with h5py.File(shard_of(run), "r+") as f:
        del f["layers/0000/call"]
        f["layers/0000/call"] = f["/"]
    unplace(run)
    refused(run, "layers/0000/call/0", "missing")


@pytest.mark.parametrize("where", ["run.json", "probe.h5", "ckpt"])
def test_a_symbolic_link_inside_a_run_is_not_followed(run, tmp_path, where):
    shutil.move(run / where, tmp_path / "outside")
    (run / where).symlink_to(tmp_path / "outside")
    refused(run, "symbolic link")


@pytest.mark.parametrize(
    "where", ["ckpt", "planes", "writer-r0000.lock", "ckpt/superseded-0", "weights"]
)
@pytest.mark.parametrize("how", ["resume", "overwrite", "results"])
def test_a_symbolic_link_in_a_strangers_run_never_leads_a_writer_out_of_it(
    run, tmp_path, where, how
):
    """Going on with, replacing or measuring a run that someone else made must not write, truncate
    or remove what its links point to.
    """
    import torch

    from infoplane.archive import ResultLog
    from infoplane.hooks.recording.weights import forget_weights, save_weights

    outside = tmp_path / "outside"
    if where.endswith(".lock"):
        outside.write_text("precious")
    else:
        outside.mkdir()
        for name in ("000000000001.pt", "results.jsonl", "a.h5", ".tmp-r0000-1-aa"):
            (outside / name).write_text("precious")
    if (run / where).is_dir():
        shutil.rmtree(run / where)
    (run / where).unlink(missing_ok=True)
    (run / where).symlink_to(outside)

    def go_on() -> None:
        if where == "weights":
            save_weights(run, 1, torch.nn.Linear(1, 1)) if how == "resume" else forget_weights(run)
        elif how == "results":
            ResultLog(run).append("k", {"bits": 1.0})
        else:
            with RunWriter.create(
                run, layers=LAYERS, x=X, y=np.arange(N) % 2, durable=False, **{how: True}
            ) as writer:
                with writer.step(5) as shard:
                    shard.write("l", Z)
            with RunWriter.create(
                run, layers=LAYERS, x=X, y=np.arange(N) % 2, durable=False, resume=True
            ) as writer:
                with writer.step(1) as shard:  # training was rolled back: step 5 is set aside
                    shard.write("l", Z)

    try:
        go_on()
    except ArchiveError as error:
        assert str(run / where) in str(error) and "link" in str(error)
    found = [outside] if outside.is_file() else sorted(outside.iterdir())
    assert [p.read_text() for p in found] == ["precious"] * len(found) and len(found) == (
        1 if outside.is_file() else 4
    )


def test_a_shard_that_is_a_link_or_a_pipe_is_refused_without_waiting(run, tmp_path):
    shard = shard_of(run)
    shutil.move(shard, tmp_path / "s.h5")
    shard.symlink_to(tmp_path / "s.h5")
    refused(run, "symbolic link")
    shard.unlink()
    os.mkfifo(shard)
    refused(run, "expected a regular file")


@pytest.mark.parametrize("shape", [(N, 10**15), (10**12, 3), (N, 0), (N, 4)])
def test_a_huge_or_wrong_claimed_shape_allocates_nothing(run, shape):
    replace_array(
        run,
        lambda g, key: g.create_dataset(
            key,
            shape,
            "f4",
            chunks=None
            if np.prod(shape, dtype=object) < 10**9
            else (1, 3)
            if shape[1] == 3
            else (1, 1024),
        ),
    )
    refused(run, "layers/0000/call/0", "expected shape")


def test_a_claim_in_header_and_dataset_that_agree_is_still_held_against_the_bytes(run):
    wide = 10**12
    replace_array(run, lambda g, key: g.create_dataset(key, (N, wide), "f4", chunks=(1, 1024)))
    reseal(run, lambda body: body["layers"][0].update(shape=[wide]))
    refused(run, "layers/0000/call/0", "truncated or forged")


def test_an_array_without_storage_is_no_array_of_zeros(run):
    replace_array(run, lambda g, key: g.create_dataset(key, (N, 3), "f4"))
    refused(run, "layers/0000/call/0", "stores 0")


def test_a_decompression_bomb_is_refused_before_it_is_inflated(run):
    rows = 1 << 26

    def make(g, key):
        d = g.create_dataset(
            key, (N, rows), "f4", chunks=(1, rows), compression="gzip", compression_opts=9
        )
        d.id.write_direct_chunk((0, 0), b"\0" * 64)

    replace_array(run, make)
    reseal(run, lambda body: body["layers"][0].update(shape=[rows]))
    refused(run, "layers/0000/call/0", "claims")


@pytest.mark.parametrize("options", [{"compression": "lzf"}, {"scaleoffset": 2}])
def test_filters_outside_the_format_are_refused(run, options):
    replace_array(run, lambda g, key: g.create_dataset(key, data=Z, chunks=(N, 3), **options))
    refused(run, "layers/0000/call/0", "uses HDF5 filters")


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((N, 3), "S4"),
        np.zeros((N, 3), complex),
        np.zeros((N, 3), [("a", "f4")]),
        np.zeros((N, 3), "f8"),
    ],
)
def test_wrong_types_are_named(run, data):
    replace_array(run, lambda g, key: g.create_dataset(key, data=data))
    refused(run, "layers/0000/call/0", "expected")


def test_an_object_reference_and_a_group_are_not_arrays(run):
    replace_array(run, lambda g, key: g.create_dataset(key, (N, 3), h5py.ref_dtype))
    refused(run, "expected an array")
    replace_array(run, lambda g, key: g.create_group(key))
    refused(run, "expected an array")


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b["layers"][0].update(name="../../etc/passwd"),
        lambda b: b["layers"][0].update(name="l\0x"),
        lambda b: b["layers"][0].update(ordinal=-1),
        lambda b: b["layers"][0].update(shape=[-3]),
        lambda b: b["layers"][0].update(shape=[3] * 40),
        lambda b: b["layers"][0].update(shape="3"),
        lambda b: b["layers"][0].update(dtype="|O"),
        lambda b: b["layers"][0].update(crc32="0"),
        lambda b: b.update(layers=3),
        lambda b: b.update(layers=[None]),
        lambda b: b.update(row_stop=10**9),
        lambda b: b.update(row_start=True),
        lambda b: b.update(metrics=[]),
        lambda b: b.update(metrics={"loss": "much"}),
        lambda b: b.update(run_uuid="another"),
        lambda b: b.update(step=5),
        lambda b: b.update(probe_sha256=None),
        lambda b: b.pop("extras"),
    ],
)
def test_every_forged_header_field_is_refused(run, change):
    reseal(run, change)
    refused(run, shard_of(run).name)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("chain rows", float("inf")),
        ("chain rows", float("nan")),
        ("chain tolerance", 10**400),
        ("plane step", float("inf")),
        ("plane metrics", 10**400),
        ("metrics", 10**400),
        ("n_nonfinite", float("inf")),
        ("n_nonfinite", None),
    ],
)
def test_a_number_that_no_integer_or_float_can_hold_is_refused_by_name(run, tmp_path, where, value):
    """Found by fuzzing: Python answers some of these with OverflowError, which is no ValueError."""
    plane = save_plane(
        Plane((), ("l",), N, failures=(Failure(1, "l", "e", "m"),), metrics={1: {"loss": 0.5}}),
        tmp_path / "p.h5",
    )
    path = {"chain": run / "probe.h5", "plane": plane}.get(where.split()[0], shard_of(run))
    with h5py.File(path, "r+") as f:
        body = json.loads(f["meta"][()])
        body.pop("crc32")
        if where.startswith("chain"):
            body["chain"] = {**Chain(("l",), (("cut",),)).to_dict(), where.split()[1]: value}
        elif where == "n_nonfinite":
            body["layers"][0][where] = value
        elif where == "plane step":
            body["failures"][0]["step"] = value
        else:
            (body["metrics"]["1"] if where == "plane metrics" else body["metrics"])["loss"] = value
        rewrite(f, body)
    with pytest.raises(DamagedArchive, match=str(plane if path == plane else run)):
        load_plane(plane) if path == plane else (
            open_archive(run).chain,
            open_archive(run).n_nonfinite(0, "l"),
        )


def forged_lines(run: Path, spec: str) -> list[dict[str, object]]:
    """Result lines under the very key that measuring looks for, with right checksums: everything an
    enemy may put there.
    """
    good = {"bits": 1.0, "n": N, "estimator": spec, "quantity": "i_xz"}
    points = [
        [{**good, "bits": "1.0"}],
        [{**good, "bits": None}],
        [{**good, "bits": float("nan")}],
        [{**good, "quantity": "i_xx"}],
        [{**good, "low": "a", "high": "b"}],
        [{**good, "unknown": 1}],
        [{"bits": 1.0}],
        [3],
        3,
        None,
        [[]],
        [{**good, "notes": 5}],
        [{**good, "n": "x"}],
    ]
    cell = {"step": 0, "layer": "l", "estimator": spec}
    wrong = [
        {**cell, "step": float("inf")},
        {**cell, "layer": "elsewhere"},
        {**cell, "step": 7},
        {**cell, "estimator": 3},
        {"points": []},
        {},
    ]
    return [*({**cell, "points": p} for p in points), *({**w, "points": [good]} for w in wrong)]


def test_result_lines_that_are_no_results_are_measured_again(run):
    import infoplane as ip
    from infoplane.analysis.live.follow import RunSource
    from infoplane.analysis.measuring.records import identity_of, task_of

    archive, spec = open_archive(run), "bin:szt"
    truth = ip.measure(archive, spec, resume=False).select(quantity="i_xz").points[0].bits
    log = ResultLog(run)
    for record in forged_lines(run, spec):
        bins = ip.estimators.Binned()
        log.append(task_of(archive, 0, "l", bins, identity_of(bins, 0)).key, record)
        RunSource(run).plane()
        plane = ip.measure(archive, spec)
        assert [p.bits for p in plane if p.quantity == "i_xz"] == [truth] and plane.steps == (0,), (
            record
        )
        log.path.unlink()


def test_a_deeply_nested_or_huge_json_is_refused(run):
    path = run / "run.json"
    path.write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    refused(run, "run.json")
    path.write_text('{"a": ' + "9" * 10_000 + "}")
    refused(run, "run.json")
    with path.open("wb") as f:
        f.truncate(layout.MAX_JSON + 1)
    refused(run, "run.json", "more than")


def test_deep_groups_and_many_names_in_a_shard_do_no_harm(run):
    with h5py.File(shard_of(run), "r+", libver=LIBVER) as f:
        here = f
        for _ in range(500):
            here = here.create_group("d")
        for i in range(2000):
            f[f"junk/{i}"] = i
    read_all(run)
    assert verify(run) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.update(world_size=1 << 40),
        lambda b: b.update(world_size=0),
        lambda b: b["layers"][0].update(store_dtype=3),
        lambda b: b["layers"][0].update(cls=None),
        lambda b: b["layers"][0].update(site="both"),
        lambda b: b["layers"][0].update(reduction=["gap"]),
        lambda b: b["layers"][0].update(dtype={}),
        lambda b: b.update(n_rows=1 << 50),
        lambda b: b.update(layers={}),
        lambda b: b.update(config=3),
    ],
)
def test_every_forged_field_of_the_run_is_refused_and_claims_cost_no_memory(run, change):
    path = run / "run.json"
    body = json.loads(path.read_text())
    body.pop("crc32")
    change(body)
    path.write_text(layout.sealed(body))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArchiveError, match=str(run)):
        read_all(run)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10, (
        "memory followed a mere claim"
    )


def test_asking_whether_a_damaged_file_is_a_plane_gives_our_error(run, tmp_path):
    from infoplane.archive.planes import is_plane

    packed = pack(run, tmp_path / "p.h5")
    assert not is_plane(packed) and not is_plane(run) and not is_plane(tmp_path / "nowhere")
    good = packed.read_bytes()
    for at in range(0, 600, 7):
        packed.write_bytes(good[:at] + bytes([good[at] ^ 8]) + good[at + 1 :])
        with contextlib.suppress(ArchiveError):
            assert not is_plane(packed)
    packed.write_bytes(good[: len(good) // 2])
    with pytest.raises(ArchiveError, match="p.h5"):
        is_plane(packed)


@pytest.mark.parametrize("name", ["../../evil.h5", "000001-s000000000001-r0000of0001-0badf00d.h5"])
def test_a_packed_file_that_names_shards_it_has_not_is_refused(run, tmp_path, name):
    packed = pack(run, tmp_path / "p.h5")
    with h5py.File(packed, "r+", libver=LIBVER) as f:
        body = json.loads(f["meta"][()])
        body.pop("crc32")
        body["shards"].append(name)
        text = layout.sealed(body).encode()
        del f["meta"]
        f.create_dataset("meta", data=text, dtype=h5py.string_dtype("utf-8", len(text)))
    if name.startswith(".."):
        assert open_archive(packed).steps == (0,)  # a name that is no shard's is never looked for
    else:
        refused(packed, name)


@pytest.mark.parametrize(
    ("how", "stride"),
    [
        ("run", 13),
        ("placed", 13),
        pytest.param("run", 1, marks=pytest.mark.slow),
        pytest.param("placed", 1, marks=pytest.mark.slow),
    ],
)
def test_every_flipped_byte_of_stored_data_is_detected(how, stride, request):
    run = request.getfixturevalue(how)
    path = shard_of(run)
    good = path.read_bytes()
    with h5py.File(path) as f:
        spans = [
            (d.id.get_offset(), d.id.get_storage_size())
            for d in (f["layers/0000/call/0"], f["rows/0000"], f["meta"])
        ]
    for offset, size in spans:
        for at in range(offset, offset + size, stride):
            path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
            with pytest.raises(ArchiveError):
                read_all(run)
    path.write_bytes(good)
    read_all(run)


def test_every_truncation_is_detected(run):
    for path in (shard_of(run), run / "probe.h5", run / "run.json"):
        good = path.read_bytes()
        for size in range(0, len(good) - 1, 1 + len(good) // 150):
            path.write_bytes(good[:size])
            with pytest.raises(ArchiveError, match=path.name):
                read_all(run)
        path.write_bytes(good)


def mutate(good: bytes, rng: np.random.Generator) -> bytes:
    """One to eight edits: flips, overwritten words, moved blocks, cuts, growth."""
    data = bytearray(good)
    for _ in range(int(rng.integers(1, 9))):
        at = int(rng.integers(0, max(1, len(data))))
        kind = int(rng.integers(0, 7))
        if kind <= 1 and data:
            data[at % len(data)] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            data[at : at + 8] = [0, 1, 0xFF, 2**31, 2**63, 2**64 - 1, len(data)][
                int(rng.integers(0, 7))
            ].to_bytes(8, "little")
        elif kind == 3:
            width = int(rng.integers(1, 64))
            source = int(rng.integers(0, max(1, len(data))))
            data[at : at + width] = data[source : source + width]
        elif kind == 4 and rng.random() < 0.2:
            del data[at:]
        elif kind == 5:
            data[at:at] = bytes(int(rng.integers(1, 9)))
        else:
            data[at : at + 4] = rng.bytes(4)
    return bytes(data)


_FUZZ = """
import pathlib, resource, signal, sys, time
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
sys.path.insert(0, {tests!r})
import numpy as np
import test_hostile as t
root, count, seed = pathlib.Path({root!r}), {count}, {seed}
targets = [p for p in (root / "run").rglob("*") if p.is_file() and p.suffix in (".h5", ".json")] + [root / "p.h5", root / "z.h5"]
good = {{p: p.read_bytes() for p in targets}}
slowest, survived, rng = 0.0, 0, np.random.default_rng(seed)
for i in range(count):
    path = targets[i % len(targets)]
    data = t.mutate(good[path], rng)
    path.write_bytes(data)
    (root / "last").write_bytes(data) if {keep} else None
    signal.alarm(20)
    started = time.perf_counter()
    try:
        t.read_all(path if path.parent == root else root / "run")
        survived += 1
        archive = t.open_archive(path if path.parent == root else root / "run")
        for step, layer in archive:
            assert (archive.z(step, layer) == t.Z).all(), (i, path)
    except (t.ArchiveError, t.InputError):
        pass
    slowest = max(slowest, time.perf_counter() - started)
    path.write_bytes(good[path])
signal.alarm(0)
status = pathlib.Path("/proc/self/status")  # ru_maxrss would start at the memory of the process that started this one
lines = status.read_text().splitlines() if status.exists() else []
peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) >> 10
print(count, survived, round(slowest, 3), peak)
"""  # noqa: E501


def fuzz(root: Path, count: int, seed: int, *, keep: bool = False) -> tuple[int, int, float, int]:
    """Executions, mutants read as intact, slowest seconds and peak MiB of a fuzzing process of its
    own.
    """
    code = textwrap.dedent(_FUZZ).format(
        tests=str(Path(__file__).parent), root=str(root), count=count, seed=seed, keep=keep
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"seed {seed}: the reader died with {done.returncode}: {done.stderr[-2000:]}"
    )
    executions, survived, slowest, peak = done.stdout.split()
    return int(executions), int(survived), float(slowest), int(peak)


@pytest.mark.slow
def test_mutated_archives_give_our_error_or_the_right_data_in_bounded_time_and_memory(
    run, tmp_path
):
    pack(run, tmp_path / "p.h5")
    pack(run, tmp_path / "z.h5", compression="gzip")
    _, _, slowest, peak = fuzz(tmp_path, 3000, seed=1)
    assert slowest < 10 and peak < 1024


def test_reading_writes_nothing_and_keeps_no_file_open(run):
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*")}
    open_files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    read_all(run)
    with pytest.raises(InputError):
        open_archive(run).z(1, "l")
    assert {p: p.stat().st_mtime_ns for p in run.rglob("*")} == before
    if open_files:
        assert len(os.listdir("/proc/self/fd")) == open_files
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


def test_a_read_that_never_ends_is_ended_by_the_budget(run):
    from infoplane.archive.guarded_file import Window

    window = Window(shard_of(run))
    window.reads_left = 3
    with pytest.raises(OSError, match="read budget exceeded"):
        for _ in range(9):
            window.at = 0
            window.readinto(bytearray(4))
    window.close()
    assert issubclass(DamagedArchive, ArchiveError)
