"""Which layers are captured.

| a new line about | goes to |
|---|---|
| how layers are asked for: names, globs, types, operations | `requests`, `layers` |
| a kind of module | `kinds` |
| the rule of ``layers="auto"`` | `auto` |
| its blocks; stacks of blocks | `blocks`; `stacks` |
| its sums and their branches | `sums`, `branches`, `exchanges` |
| its segments of layers | `segments`, `segment_layers`, `joined_layers` |
| what lies around blocks and between them | `around_blocks`, `ways` |
| the output of the network; what is left out | `network_output`; `left_out` |
| what flows where in a forward | `dataflow` (the graph), `nodes`, `tracing` |
| what a layer shows on a few rows | `layer_calls`, `operation_calls`, `first_look` |
"""
