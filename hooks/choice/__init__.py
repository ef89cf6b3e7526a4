"""What ``layers="auto"`` takes, in parts: kinds of modules, blocks, sums, and the choice."""
