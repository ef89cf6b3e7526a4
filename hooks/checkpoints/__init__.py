"""Checkpoints that a training left behind.

Found, read without running them, put into a network.
"""
