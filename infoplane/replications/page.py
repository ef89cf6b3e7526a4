"""Results as a page of the documentation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from infoplane.replications.evidence import number_list
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
    """Write a Markdown page with verdicts, numbers and pictures; return its path.

    Args:
        results: in the order of the page.
        path: of the page; pictures are copied to ``images`` in its folder.
        folder: where the files of the results are (``OUT/full`` or ``OUT/quick``).
    """
    path, known = Path(path), claims()
    lines = [HEAD, "| claim | verdict | runs that learnt | seconds |", "|---|---|---|---|"]
    for result in results:
        name = f"[{result.claim}](#{result.claim})"
        lines.append(f"| {name} | {result.outcome} | {result.learnt} | {result.seconds:.0f} |")
    minutes = sum(result.seconds for result in results) / 60
    lines += [
        "",
        f"{len(results)} claims, {minutes:.0f} minutes of wall-clock time; runs that several "
        "claims share are counted once.",
    ]
    for result in results:
        lines += _section(result, known[result.claim])
        lines += list(_pictures(result, path.parent / "images", Path(folder)))
        stored = _stored_files(result.files)
        if stored:
            lines += ["", f"Kept: {stored}."]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _section(result: Result, claim: Claim) -> list[str]:
    quick = " Quick setting." if result.quick else ""
    note = f" Note: {result.note}." if result.note else ""
    lines = ["", f"## {result.claim}", "", f"**{claim.statement}.** {claim.reference}", ""]
    lines += [f"Setting: {claim.setting}.{quick}", ""]
    lines += [f"Asserted: {result.assertion}. Verdict: **{result.outcome}**.{note}", ""]
    lines += ["| quantity | per seed |", "|---|---|"]
    lines += [f"| {name} | {number_list(values)} |" for name, values in result.numbers.items()]
    if result.conventions:
        lines += ["", "Where the sources count differently:", ""]
        lines += ["| convention | the claim, per seed |", "|---|---|"]
        lines += [f"| {name} | {text} |" for name, text in result.conventions.items()]
    return lines


def _pictures(result: Result, images: Path, folder: Path) -> Iterator[str]:
    for file in result.files:
        source = folder / file
        if source.suffix != ".png" or not source.is_file():
            continue
        images.mkdir(exist_ok=True)
        shutil.copyfile(source, images / f"result-{source.name}")
        numbers = source.stem.endswith("-numbers")
        alt = "numbers per seed" if numbers else f"picture of {result.claim}"
        yield from ("", f"![{alt}](images/result-{source.name})")


def _stored_files(files: Sequence[str]) -> str:
    """How many archives and planes there are, with the first of each as an example."""
    counts = []
    for kind, folder in (("archives", "runs"), ("planes", "planes")):
        found = [file for file in files if file.startswith(folder)]
        if found:
            counts.append(f"{len(found)} {kind} (`{found[0]}` ...)")
    return ", ".join(counts)
