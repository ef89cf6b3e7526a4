"""One capture after another: planned, passed through the network, written beside training.

| a new line about | goes to |
|---|---|
| the life of a recording: attach, open, resume, close; its threads | `session` |
| what is captured, and what it costs | `plan`, `cost_notice` |
| which steps are captured | `step_filter` |
| what happens at a captured step | `recording` |
| which layers are comparable | `certification` |
| one pass of the probe | `probe_pass` |
| when and how a capture is written | `captures`, `background` |
| what a loop hands over at a step | `steps_and_metrics` |
| what runs beside the training | `companions` |
| what goes wrong; a process that ends | `error_log`, `interrupts` |
| several processes | `ranks` |
| weights in place of activations | `weights` |
"""
