"""Estimate again from halves of the rows or with permuted labels: standard errors, intervals and nulls."""
