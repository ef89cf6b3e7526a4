"""Which layers are captured: names, patterns and what ``layers="auto"`` takes, by kinds, blocks and sums."""
