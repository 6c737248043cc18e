"""Archives and compressed files, read in one forward pass.

    file ──decompress, xz──▶ bytes ──tar──▶ entries ──extract──▶ a tree of the store

`links` refuses entries that would leave the tree.
"""
