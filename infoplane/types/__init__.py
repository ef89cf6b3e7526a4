"""The nouns of infoplane: small frozen values that check themselves once.

All information is in bits.
"""

from infoplane.types.chain import (
    ROUNDING_MARGIN,
    Chain,
    LayerInfo,
    Relation,
)
from infoplane.types.estimate import (
    Bound,
    Estimate,
    Null,
    Quantity,
    Sense,
    Target,
    Unit,
    bound_of_sense,
    entropy_of_counts,
)
from infoplane.types.findings import (
    FLAGS,
    VERDICTS,
    DPIReport,
    Episode,
    Finding,
    Verdict,
)
from infoplane.types.text import counted, named_layers, printable
from infoplane.types.variable import (
    SMALLEST,
    Kind,
    Variable,
    continuous,
    discrete,
    require_same_rows,
)

__all__ = [
    "FLAGS",
    "ROUNDING_MARGIN",
    "SMALLEST",
    "VERDICTS",
    "Bound",
    "Chain",
    "DPIReport",
    "Episode",
    "Estimate",
    "Finding",
    "Kind",
    "LayerInfo",
    "Null",
    "Quantity",
    "Relation",
    "Sense",
    "Target",
    "Unit",
    "Variable",
    "Verdict",
    "bound_of_sense",
    "continuous",
    "counted",
    "discrete",
    "entropy_of_counts",
    "named_layers",
    "printable",
    "require_same_rows",
]
