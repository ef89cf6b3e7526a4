"""The probe: what the network is shown, in fixed rows and batches."""
