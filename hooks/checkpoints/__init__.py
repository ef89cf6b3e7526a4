"""Checkpoints that a training left behind: found, read without running them, put into a network."""
