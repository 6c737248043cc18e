"""Kept object trees: what a finished build of a kernel leaves for the next one.

    a build begins: `start` ─▶ the nearest tree of the `shelf` ─▶ refused? what is stale? ─▶ objects of other trees
                    (`borrow`) ─▶ `/build` as layers: the kept tree below, what changes above
    a build ends:   `keep` ─▶ the tree as it should be found next time, file by file in the shelf's pool

None of it is part of any key: the outputs are those of a clean build, which tests prove kind by kind. A tree is
checked before each use, so nothing here is made durable.
"""
