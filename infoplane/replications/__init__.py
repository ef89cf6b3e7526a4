"""One file per paper: train, capture, measure, assert."""
