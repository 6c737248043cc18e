"""The store: immutable, content-addressed objects, their database, the roots and the collector.

This package knows nothing of derivations or kernels. `local.Store` is the entry point. Importing the package loads
nothing.

    Store.add(path)
        trees.stat_cache    unchanged since it was last read? Then its digest is known
        trees.copy_in       copied into a scratch directory, hashed on the way, each file through the pool
        path.StorePath      named by its content
        registration        journal, one sync, rename, a row in the database

    trees/      the bytes of one object          gc/        what is kept and what is deleted
    signing/    keys, and who is believed
    records/    what is known about objects      osutil/    the operating system's services

Beside them: `home` and `layout` (the directory), `scratch`, `closure`, and `verify`, `repair`, `rebuild` (find and fix
damage).
"""

__part_of__ = "kernix"
