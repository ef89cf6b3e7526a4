"""Results as a page of the documentation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from infoplane.replications.frame import Claim, Result, claims

HEAD = """# Results: the literature, measured again

Written by `infoplane replicate --all --markdown docs/results.md`; numbers are per seed, in the
order of the seeds. Every seed is shown, also those that did not learn. A claim is *replicated* when
the stated inequality holds for the median over seeds (or for every seed, where it says so), *not
replicated* when it fails although most seeds learnt, *undetermined* otherwise. In the pictures of
numbers a dot is a seed, the bar their median, the dashed line what they are held against. The
archives and planes behind every claim are named at its end, below the folder that `--out` names.

"""


def write_page(results: Sequence[Result], path: str | Path, folder: str | Path) -> Path:
    """Write a Markdown page with verdicts, numbers and pictures; returns its path.

    Args:
        folder: where the files of the results are (``OUT/full`` or ``OUT/quick``); pictures are
            copied beside the page.
    """
    path, known = Path(path), claims()
    lines = [HEAD, "| claim | verdict | runs that learnt | seconds |", "|---|---|---|---|"]
    lines += [
        f"| [{r.claim}](#{r.claim}) | {r.outcome} | {r.learnt} | {r.seconds:.0f} |" for r in results
    ]
    lines += [
        "",
        f"{len(results)} claims, {sum(r.seconds for r in results) / 60:.0f} minutes of wall-clock "
        "time; runs that several claims share are counted once.",
    ]
    for r in results:
        lines += _section(r, known[r.claim])
        lines += list(_pictures(r, path.parent / "images", Path(folder)))
        if kept := _kept(r.files):
            lines += ["", f"Kept: {kept}."]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _section(r: Result, claim: Claim) -> list[str]:
    lines = ["", f"## {r.claim}", "", f"**{claim.statement}.** {claim.reference}", ""]
    lines += [f"Setting: {claim.setting}." + (" Quick setting." if r.quick else ""), ""]
    lines += [
        f"Asserted: {r.assertion}. Verdict: **{r.outcome}**."
        + (f" Note: {r.note}." if r.note else ""),
        "",
    ]
    lines += ["| quantity | per seed |", "|---|---|"]
    lines += [
        f"| {key} | {', '.join(f'{v:.3g}' for v in values)} |" for key, values in r.numbers.items()
    ]
    if r.conventions:
        lines += [
            "",
            "Where the sources count differently:",
            "",
            "| convention | the claim, per seed |",
            "|---|---|",
        ]
        lines += [f"| {key} | {text} |" for key, text in r.conventions.items()]
    return lines


def _pictures(r: Result, images: Path, folder: Path) -> Iterator[str]:
    for file in r.files:
        source = folder / file
        if source.suffix == ".png" and source.is_file():
            images.mkdir(exist_ok=True)
            shutil.copyfile(source, images / f"result-{source.name}")
            words = (
                "numbers per seed" if source.stem.endswith("-numbers") else f"picture of {r.claim}"
            )
            yield from ("", f"![{words}](images/result-{source.name})")


def _kept(files: Sequence[str]) -> str:
    """Archives and planes of a result in a few words: the first of each and how many."""
    kinds = {
        "archives": [f for f in files if f.startswith("runs")],
        "planes": [f for f in files if f.startswith("planes")],
    }
    return ", ".join(
        f"{len(found)} {kind} (`{found[0]}` ...)" for kind, found in kinds.items() if found
    )
