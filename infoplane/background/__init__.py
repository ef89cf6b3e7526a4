"""Companion processes: measure and show a run while it trains."""
