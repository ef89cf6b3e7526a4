"""Ratios against straightforward peers, measured side by side: `python -m benchmarks` (or
`--smoke`: small sizes, correctness only).
"""
