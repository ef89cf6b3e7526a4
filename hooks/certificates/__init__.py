"""The interchange test: which layers screen the input off from which.

It is made on the live network. `chain` is the entry; a way of exchanging is a file here.
"""
