"""Results as a page of the documentation."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from infoplane.replications.frame import Result, claims

HEAD = """# Results: the literature, measured again

Written by `infoplane replicate --all --markdown docs/results.md`; numbers are per seed, in the order of the seeds. Every seed is shown, also
those that did not learn. A claim is *replicated* when the stated inequality holds for the median over seeds (or for every seed, where it says
so), *not replicated* when it fails although most seeds learnt, *undetermined* otherwise.

"""


def write_page(results: Sequence[Result], path: str | Path) -> Path:
    """Write a Markdown page with a table of verdicts, and the numbers and pictures of every claim; returns the path."""
    path, known = Path(path), claims()
    lines = [HEAD, "| claim | verdict | seeds that learnt | seconds |", "|---|---|---|---|"]
    lines += [f"| [{r.claim}](#{r.claim}) | {r.outcome} | {r.learnt} | {r.seconds:.0f} |" for r in results]
    for r in results:
        claim = known[r.claim]
        lines += [
            "",
            f"## {r.claim}",
            "",
            f"**{claim.statement}.** {claim.reference}",
            "",
            f"Setting: {claim.setting}." + (" Quick setting." if r.quick else ""),
        ]
        lines += ["", f"Asserted: {r.assertion}. Verdict: **{r.outcome}**." + (f" Note: {r.note}." if r.note else ""), ""]
        lines += ["| quantity | per seed |", "|---|---|"]
        lines += [f"| {key} | {', '.join(f'{v:.3g}' for v in values)} |" for key, values in r.numbers.items()]
        for file in r.files:
            source = Path(file)
            if source.suffix == ".png" and source.is_file():
                (path.parent / "images").mkdir(exist_ok=True)
                shutil.copyfile(source, path.parent / "images" / f"result-{source.name}")
                lines += ["", f"![{r.claim}](images/result-{source.name})"]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
