"""The archive held against the live network: what differs has a name."""
