"""What makes two builds different: the inputs whose content differs, down to options, files, packages and flags.

    two derivations ──known──▶ what is in the store of their inputs ──compare──▶ parts, with changes ──words──▶ lines

`earlier` finds the build to compare with. What is not in the store yet is made if that is cheap, such as a
configuration or a patched tree; of the rest only the definitions are compared, and reported as such.
"""
