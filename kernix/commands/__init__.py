"""The verbs: a module each, with the verb as its `command`. `kernix.verbs` lists them and their groups.

A command parses its arguments with `kernix.options`, finds definitions with `kernix.evaluation`, builds with
`kernix.building`, and prints with `kernix.output`. The verbs of `kernix config` are in config/.
"""
