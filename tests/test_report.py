"""The data of the report, and bytes that its file must not hold.

The browser has its own file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from builders import plane_with, point

from infoplane.analysis.dpi.episodes import episodes_of
from infoplane.analysis.report import write_report
from infoplane.analysis.report.content import page_data
from infoplane.analysis.report.findings import MOST_FINDINGS
from infoplane.analysis.report.write import embed, page
from infoplane.errors import ArchiveExists, InputError
from infoplane.plane import Failure, Plane, Point
from infoplane.types import DPIReport, Estimate, Finding

N = 4096


def make_plane(
    layers: Sequence[str] = ("a", "b"),
    estimators: Sequence[str] = ("bin:szt",),
    steps: Sequence[int] = (0, 10, 100, 1000),
) -> Plane:
    points = [
        Point(
            step,
            layer,
            quantity,
            Estimate(
                value - 0.5 * k - (i if k else 0),
                N,
                spec,
                low=0.1,
                high=0.2,
                ceiling_bits=12.0,
                notes=("a note",),
            ),
        )
        for k, layer in enumerate(layers)
        for spec in estimators
        for i, step in enumerate(steps)
        for quantity, value in (("i_xz", 10.0), ("i_zy", 0.9))
    ]
    return Plane(
        tuple(points),
        tuple(layers),
        N,
        0.99916,
        metrics={s: {"loss": 1.0} for s in steps},
        provenance={"seed": "0"},
    )  # type: ignore[arg-type]


def finding(excess: float, text: str = "why") -> Finding:
    return Finding("I(X;Z) pair", 10, "a", "b", excess, "estimator", text, estimator="bin:szt")


def test_every_number_of_the_plane_is_in_the_data_once() -> None:
    plane = make_plane(estimators=("bin:szt", "exact"))
    data = page_data(plane)
    numbers = [
        (s["e"], data["layers"][s["l"]]["name"], s["q"], data["steps"][i], b)
        for s in data["series"]
        for i, b in zip(s["i"], s["b"], strict=True)
    ]
    assert sorted(numbers) == sorted(
        (p.estimator, p.layer, p.quantity, p.step, p.bits) for p in plane
    )
    assert data["series"][0]["lo"] == [0.1] * 4 and data["series"][0]["notes"] == ["a note"]


def test_every_view_states_its_convention() -> None:
    assert all(
        v["spec"] in v["x"] and "N=4096" in v["x"] and v["spec"] in v["y"]
        for v in page_data(make_plane())["views"]
    )


def test_a_diverged_loss_is_a_gap_and_not_broken_json() -> None:
    plane = Plane(
        make_plane().points, ("a", "b"), N, metrics={0: {"loss": math.nan}, 10: {"loss": math.inf}}
    )
    data = json.loads(embed(page_data(plane)))
    assert data["metrics"] == [{"name": "loss", "i": [0, 1], "v": [None, None]}]


def test_findings_are_capped_at_the_worst_and_the_page_knows_how_many_are_left_out() -> None:
    found = tuple(finding(k / 1000, f"text {k % 3}") for k in range(MOST_FINDINGS + 50))
    dpi = page_data(make_plane(), DPIReport(5000, found, counts={"estimator": len(found)}))["dpi"]
    assert len(dpi["findings"]) == MOST_FINDINGS and dpi["omitted"] == 50 and len(dpi["texts"]) == 3
    assert min(f["x"] for f in dpi["findings"]) == pytest.approx(0.05)


def test_embedded_json_cannot_end_its_script_element() -> None:
    text = embed({"name": "</script><script>alert(1)</script>\u2028\ud800"})
    assert "<" not in text and ">" not in text and text.isascii()
    assert json.loads(text)["name"].startswith("</script>")


def test_names_that_look_like_marks_of_the_template_stay_text() -> None:
    html = page(page_data(make_plane(("%PLOTLY%", "%CSS%"))), plotly="<script></script>")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert data is not None and [x["name"] for x in json.loads(data[1])["layers"]] == [
        "%PLOTLY%",
        "%CSS%",
    ]


def test_the_file_refers_to_nothing_outside_itself(tmp_path: Path) -> None:
    html = write_report(tmp_path / "r.html", make_plane()).read_text("utf-8")
    shell = page(page_data(make_plane()), plotly="")
    assert not re.search(r"https?://|src=|@import|url\(", shell)
    assert "default-src 'none'" in shell and "connect-src" not in shell
    assert len(html) < 6_000_000


def test_a_report_of_200_steps_12_layers_and_4_estimators_stays_under_6_megabytes(
    tmp_path: Path,
) -> None:
    plane = make_plane(
        [f"transformer.h.{i}.mlp" for i in range(12)],
        ("bin:szt", "bin:saxe,width=0.07", "exact", "ksg:k=5"),
        range(0, 2000, 10),
    )
    found = tuple(
        Finding(
            "I(X;Z) pair",
            s,
            plane.layers[0],
            plane.layers[1],
            s / 1000,
            "estimator",
            f"a sentence about step {s} " * 5,
        )
        for s in plane.steps
        for _ in range(20)
    )
    assert (
        write_report(tmp_path / "r.html", plane, DPIReport(9999, found)).stat().st_size < 6_000_000
    )


def head_of(plane: Plane, report: DPIReport | None = None) -> tuple[list[str], list[str]]:
    """What the head of a page says that the run shows, and that it cannot show."""
    data = page_data(plane, report)
    shows, cannot = data["shows"], data["cannot"]
    return [sentence["text"] for sentence in shows], [sentence["text"] for sentence in cannot]


def test_the_summary_reports_the_drop_and_its_limits() -> None:
    shows, cannot = head_of(
        make_plane(), DPIReport(4, (), counts={"ok": 4}, limits=("no archive",))
    )
    assert "falls most in layer b: 3 bits from its peak (step 0)" in " ".join(shows)
    assert "4 comparisons (4 ok): no fault" in " ".join(shows)
    assert "Not judged: no archive" in cannot and any(
        "No chain certificate" in line for line in cannot
    )


def test_the_summary_says_whether_labels_are_continuous_or_missing() -> None:
    plane = replace(make_plane(), h_y_bits=None)
    unlabelled = replace(plane, points=tuple(p for p in plane if p.quantity == "i_xz"))
    assert "Y is continuous" in head_of(plane)[0][0]
    assert "no labels" in head_of(unlabelled)[0][0]


def test_the_summary_names_saturation_reduction_and_failures() -> None:
    base = make_plane(("a",))
    saturated = tuple(
        Point(
            p.step,
            "a",
            p.quantity,
            Estimate(11.9, N, "kde:variance=0.1", "upper", ceiling_bits=12.0),
        )
        for p in base
    )
    plane = Plane(
        saturated, ("a",), N, reductions={"a": "gap"}, failures=(Failure(0, "a", "ksg", "ties"),)
    )
    text = " ".join(head_of(plane)[1])
    assert (
        "100% of the X-values are saturated" in text
        and "1 layers were reduced" in text
        and "1 cells could not be measured" in text
        and "bound nothing" in text
    )


@pytest.mark.parametrize("paths", [False, True])
def test_the_folders_of_this_machine_are_in_the_page_where_they_are_asked_for(
    paths: bool, tmp_path: Path
) -> None:
    plane = replace(make_plane(), provenance={"archive": "/home/someone/secret/run"})
    page = write_report(tmp_path / "r.html", plane, paths=paths).read_text("utf-8")
    assert ("/home/someone" in page) == paths


def test_an_existing_report_is_kept_when_overwriting_is_refused(tmp_path: Path) -> None:
    path = write_report(tmp_path / "r.html", make_plane())
    with pytest.raises(ArchiveExists, match="pass overwrite=True"):
        write_report(path, make_plane(), overwrite=False)
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_messages_say_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a file ending in .html, got 'r.pdf'"):
        write_report(tmp_path / "r.pdf", make_plane())
    with pytest.raises(InputError, match="is empty"):
        write_report(tmp_path / "r.html", Plane((), ("a",), 4))


def test_a_thousand_findings_of_one_pair_are_one_sentence() -> None:
    found = tuple(
        Finding("I(X;Z) pair", step, "a", "b", step / 1e4, "estimator", "why", estimator="bin:szt")
        for step in range(1000)
    )
    report = DPIReport(1000, found, episodes_of(found, range(1000)))
    (row,) = page_data(make_plane(), report)["dpi"]["episodes"]
    assert row["text"] == (
        "From step 0 to 999 (1000 checkpoints), b exceeds a, which it is computed from, "
        "by up to 0.0999 bits (I(X;Z) pair, bin:szt)."
    )
    assert row["step"] == 999 and row["e"] == "bin:szt"


def test_a_chance_of_nothing_is_a_bound_and_not_zero() -> None:
    found = (replace(finding(0.5), p=0.0),)
    report = DPIReport(9, found, episodes_of(found, [found[0].step]))
    assert "p < 1e-6" in json.dumps(page_data(make_plane(), report))


def test_the_chosen_estimator_comes_first_and_an_unknown_one_is_refused() -> None:
    plane = make_plane(estimators=("bin:szt", "exact"))
    assert page_data(plane, estimator="exact")["views"][0]["spec"] == "exact"
    assert page_data(plane)["views"][0]["spec"] == "bin:szt"
    with pytest.raises(InputError, match="no such estimator: 'knn'"):
        page_data(plane, estimator="knn")


def test_sentences_about_one_estimator_say_which() -> None:
    said = page_data(make_plane(estimators=("bin:szt", "exact")))["shows"]
    about = {sentence["e"] for sentence in said}
    assert about == {"", "bin:szt", "exact"}
    assert all(s["e"] in s["text"] or s["e"] == "exact" for s in said)


def test_axes_of_the_page_are_symbols_and_its_captions_define_them() -> None:
    view = page_data(make_plane())["views"][0]
    assert view["sx"] == "H(bin(Z)) [bits], bin:szt"
    assert "30 bins on [-1,1]" in view["caption"] and "N=4096" in view["caption"]


def test_marks_of_the_page_are_those_of_the_pictures() -> None:
    from infoplane.analysis.plot.marks import MARKS

    marks = page_data(make_plane())["marks"]
    assert marks["saturated"] == {"text": MARKS["saturated"].meaning, "symbol": "circle-x-open"}


def test_failures_of_one_kind_are_one_row() -> None:
    failed = tuple(Failure(step, "a", "ksg", "ties") for step in (0, 10, 100))
    plane = make_plane()
    data = page_data(Plane(plane.points, plane.layers, N, failures=failed))
    assert data["failures"] == [
        {
            "when": "3 checkpoints from step 0 to 100",
            "layer": "a",
            "estimator": "ksg",
            "message": "ties",
        }
    ]


def test_a_drop_is_not_spoken_of_where_there_is_one_checkpoint() -> None:
    points = [point("a", "i_xz", 3.0, step) for step in (0, 1)]
    assert any("Drops from a peak" in text for text in head_of(plane_with(points))[1])
    assert not any("Drops from a peak" in text for text in head_of(plane_with(points[:1]))[1])


def test_exact_codes_that_never_change_are_one_number() -> None:
    points = [
        Point(0, "a", q, Estimate(9.0, N, "exact", sense="exact", ceiling_bits=9.0))  # type: ignore[arg-type]
        for q in ("i_xz", "i_zy")
    ]
    text = str(page_data(Plane(tuple(points), ("a",), N))["shows"])
    assert "H(Z) is 9 bits at all layers and checkpoints" in text
