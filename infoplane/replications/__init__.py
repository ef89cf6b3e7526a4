"""The field's headline results, each by one command: `infoplane replicate NAME`.

One file per paper; `frame` holds what they share.
"""

from infoplane.replications.frame import Claim, Result, claims, replicate

__all__ = ["Claim", "Result", "claims", "replicate"]
