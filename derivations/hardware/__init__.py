"""From a machine to the options of a kernel: what the hardware is, and which part of a tree drives it.

    c_source/, makefiles/ ──drivers──▶ the map of a tree's drivers ─┐
    listings/, snapshot ──────────────▶ facts about a machine ──────┴─mapping─▶ modules ──fit──▶ options

`coverage` holds that against a configuration, `trim` and `keep` make one smaller, `enable` turns on what has no
prompt, `firmware`, `curated` and `userland` are data.
"""
