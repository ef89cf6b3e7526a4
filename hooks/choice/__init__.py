"""Which layers are captured.

Names, patterns and what ``layers="auto"`` takes, by kinds, blocks and sums.
"""
