"""The interchange test.

Which layers screen the input off from which, found on the live network.
"""
