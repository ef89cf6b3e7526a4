"""The interactive report.

One self-contained HTML file of a `Plane` and what was judged about it.
"""

from __future__ import annotations

from infoplane.analysis.report.sections import Judged
from infoplane.analysis.report.write import write_report

__all__ = ["Judged", "write_report"]
