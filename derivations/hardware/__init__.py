"""From a machine to the options of a kernel: what the hardware is, and which part of a tree drives it."""
