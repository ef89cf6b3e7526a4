"""The field's headline results, each by one command: `infoplane replicate NAME`.

One file per paper: a function under `claim` trains (`training`, `runs`), measures and reads curves
(`curves`), and concludes (`evidence`). A new paper is a file and its name in `frame`.
"""

from infoplane.replications.frame import Claim, Result, claims, replicate

__all__ = ["Claim", "Result", "claims", "replicate"]
