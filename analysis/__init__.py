"""Compute, judge, study and draw: everything that turns activations into statements."""
