"""Estimate again from halves of the rows or with permuted labels.

Standard errors, intervals and nulls.
"""
