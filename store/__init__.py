"""Bytes at rest: immutable objects named by their content, their database, roots and collector.

This package knows no derivation and no kernel. `local.Store` is the door; importing the package loads nothing.

    Store.add(path)
        trees.stat_cache    unchanged since it was last read? Then its digest is known
        trees.copy_in       copied into a scratch directory, hashed on the way, each file through the pool
        path.StorePath      named by its content
        registration        journal, one sync, rename, a row in the database

    trees/      the bytes of one object          gc/        what is kept, and what goes
    records/    what is known about objects      system/    what is needed of the operating system

Beside them: `home` and `layout` (the directory), `scratch`, `closure`, and `verify`, `repair`, `rebuild` (is all well,
and what to do if not).
"""

__part_of__ = "kernix"
