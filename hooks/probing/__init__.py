"""The probe: what the network is shown, in fixed rows and batches.

| a new line about | goes to |
|---|---|
| what a user may give as a probe | `probe` |
| a form of batches or samples; of inputs | `batches`; `inputs` |
| labels; rows without one | `labels`; `settle` |
| how parts are joined; padding; what exceeds memory | `joined_parts`; `padding`; `spool` |
"""
