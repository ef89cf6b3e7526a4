"""Questions that are asked of a whole run.

Phases, sensitivity, mechanism, drift, comparisons.
"""
