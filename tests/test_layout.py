"""The format of an archive: names, sizes, versions, JSON and seals."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from builders import LAYERS

from infoplane.archive import layout
from infoplane.archive.layout import ShardName
from infoplane.errors import DamagedArchive, InputError, NotAnArchive, VersionError


def test_a_shard_says_its_place_in_its_name_and_only_such_names_are_shards() -> None:
    name = ShardName(3, 12, 1, 4, "0badf00d")
    assert (
        str(name) == "000003-s000000000012-r0001of0004-0badf00d.h5"
        and ShardName.parse(str(name)) == name
    )
    big = ShardName(10**7, 10**15, 9999, 9999, "00000000")
    assert ShardName.parse(str(big)) == big
    for text in (
        str(name)[1:],
        str(name) + "x",
        "x" + str(name),
        str(name).replace("0badf00d", "0BADF00D"),
        str(name).replace("-r", "-q"),
        "",
    ):
        assert ShardName.parse(text) is None
    assert ShardName.parse(str(name).replace("3", "٣")) is None, (
        "digits of other scripts are no digits here"
    )


def test_the_call_of_a_reused_module_is_the_number_behind_its_hash() -> None:
    assert [
        layout.call_index(n)
        for n in ("fc", "fc#2", "fc#12:h", "fc:h#3", "a#b", "a#", "a#12345678", "a#123456789")
    ] == [
        0,
        2,
        12,
        0,
        0,
        0,
        12345678,
        0,
    ]
    assert (
        layout.layer_path(LAYERS[1]) == "layers/0001/call/2"
        and layout.rows_path(LAYERS[1]) == "rows/0001"
    )


def test_versions_of_this_major_are_read_and_no_other_text_is_a_version() -> None:
    for fine in ("1.0", "1.1", "1.999999999"):
        layout.check_version(fine, "f")
    for other in ("2.0", "0.9", "10.1"):
        with pytest.raises(
            VersionError, match=f"f: written in format {other}, this infoplane reads 1.x"
        ):
            layout.check_version(other, "f")
    for wrong in ("1", "1.", "1.0.0", "1.0000000000", "v1.0", None, "1.٠"):
        with pytest.raises(VersionError, match="expected format_version like"):
            layout.check_version(wrong, "f")


def test_arrays_are_stored_little_endian_contiguous_and_booleans_as_bytes() -> None:
    assert layout.storable(np.array([True, False]), "x").dtype == np.uint8
    big = np.arange(6, dtype=">f8").reshape(2, 3).T
    kept = layout.storable(big, "x")
    assert (
        kept.dtype.str == "<f8"
        and kept.flags.c_contiguous
        and (kept == big).all()
        and layout.storable(np.float32(2), "x").shape == ()
    )
    for wrong in (
        np.array(["a"]),
        np.array([1j]),
        np.array([None]),
        np.array([1], np.longdouble),
        np.array([1], "m8[s]"),
    ):
        with pytest.raises(InputError, match="x: expected real numbers of 1 to 8 bytes"):
            layout.storable(wrong, "x")


def test_json_keeps_what_it_can_and_refuses_the_rest() -> None:
    body = {
        "a": [float("nan"), float("inf"), -float("inf")],
        "b": np.float32(0.5),
        "c": (1, None, True),
        4: {"$float": "nan", "x": 1},
        "s": "\ud800",
    }
    back = layout.from_json(layout.to_json(body), "f")
    assert (
        math.isnan(back["a"][0])
        and back["a"][1:] == [math.inf, -math.inf]
        and back["b"] == 0.5
        and back["c"] == [1, None, True]
    )
    assert back["4"] == {"$float": "nan", "x": 1} and back["s"] == "\\ud800"
    assert layout.from_json('{"$float": "1e9"}', "f") == {"$float": "1e9"}
    for text in ("[1]", "3", "", "{"):
        with pytest.raises(DamagedArchive, match="f: expected a JSON object"):
            layout.from_json(text, "f")


def test_a_seal_covers_every_key_and_nothing_but_the_order_may_change() -> None:
    text = layout.sealed({"format": "k", "format_version": "1.1", "x": [1, {"y": 2}]})
    body = json.loads(text)
    assert layout.unsealed(json.dumps(dict(reversed(body.items()))), "k", "f")["x"] == [1, {"y": 2}]
    for key, value in (
        ("x", [1, {"y": 3}]),
        ("format_version", "1.0"),
        ("crc32", body["crc32"] + 1),
        ("new", 1),
    ):
        with pytest.raises(DamagedArchive, match="does not match the text"):
            layout.unsealed(json.dumps({**body, key: value}), "k", "f")
    with pytest.raises(NotAnArchive, match="expected format 'other', got 'k'"):
        layout.unsealed(text, "other", "f")


def test_floats_that_json_lacks_are_read_however_they_are_spelt() -> None:
    text = layout.sealed(
        {
            "format": "k",
            "format_version": "1.1",
            "x": math.inf,
            "s": "é",
            "deep": [{"y": -math.inf}],
            "n": 1e300,
        }
    )
    for spelt in (
        text,
        text.replace("$float", "\\u0024float"),
        text.replace("$float", "\\u0024\\u0066loat"),
        text.encode(),
    ):
        body = layout.unsealed(spelt, "k", "f")
        assert (body["x"], body["deep"], body["s"], body["n"]) == (
            math.inf,
            [{"y": -math.inf}],
            "é",
            1e300,
        )
        assert layout.from_json(spelt, "f")["x"] == math.inf
    plain = layout.sealed({"format": "k", "format_version": "1.1", "x": 'no "float" here'})
    assert layout.unsealed(plain, "k", "f") == json.loads(plain)
    with pytest.raises(DamagedArchive, match="does not match"):
        layout.unsealed(plain.replace("here", "HERE"), "k", "f")


def test_headers_have_at_most_64_mebibytes() -> None:
    assert layout.MAX_JSON == 64 * 1024**2
