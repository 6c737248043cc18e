"""What is known of Kbuild's object trees: which product read what, and what a change makes worthless.

    `commands` reads the `.cmd` file beside a product ─▶ `index` holds those of a whole tree
    ─▶ `refusals`: may a build start from it at all? ─▶ `stale`: what of it has to go first

Make alone is not enough: its rules miss headers that were removed or that now come earlier on a search path, tools of
the last link, recipes that nothing compares, and more. Everything here follows from one law: deleting a product is
always right and only costs time.
"""
