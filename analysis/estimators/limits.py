"""What an information can be.

Numbers outside it by more than their error are refused, never given and never clipped.
"""

from __future__ import annotations

from infoplane.errors import EstimatorError
from infoplane.types import Estimate

ERRORS = 4.0
"""Standard errors beyond the range that chance is granted."""
SLACK_BITS = 0.02
"""Bits beyond the range that are granted where no error is known."""


def require_possible(
    estimate: Estimate,
    *,
    ceiling: float,
    ceiling_words: str,
    remedy: str,
    stderr: float | None = None,
    slack: float = SLACK_BITS,
) -> Estimate:
    """Return the estimate where it lies in [0, ceiling] but for its error.

    Args:
        ceiling: the largest information there can be, in bits; infinity for none.
        ceiling_words: what that is, e.g. ``H(y)``.
        remedy: what to do instead; the end of the message.
        stderr: standard error in bits; that of the estimate when left out.
        slack: bits granted besides.

    Raises:
        EstimatorError: outside of the range by more than four standard errors and the slack.
    """
    error = stderr if stderr is not None else estimate.stderr or 0.0
    room = ERRORS * error + slack
    if -room <= estimate.bits <= ceiling + room:
        return estimate
    bound = f"above {ceiling_words} = {ceiling:.3f}" if estimate.bits > 0 else "below 0"
    raise EstimatorError(
        f"{estimate.estimator}: {estimate.bits:.3f} bits are {bound} bits, which no information "
        f"can be; {remedy}"
    )
