"""From a machine to the options of a kernel: its hardware, and the drivers in a kernel tree for it.

    c_source/, makefiles/ ──drivers──▶ the map of a tree's drivers ─┐
    listings/, snapshot ──────────────▶ facts about a machine ──────┴─mapping─▶ modules ──fit──▶ options

`coverage` compares the result with a configuration, `trim` and `keep` make a configuration smaller, `enable` turns on
options without a prompt, `firmware`, `curated` and `userland` are data.
"""
