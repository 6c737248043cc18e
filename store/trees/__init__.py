"""The bytes of one object: hashing, copying, writing, sealing, removing.

walk ──▶ a Visitor for each file ──▶ `content.Content`: digest, size, nodes
    hash_tree     only reads
    copy_in       copies somebody else's tree, through the pool
    adopt         makes a builder's tree canonical, in place
writer            writes a tree entry by entry
pool              each distinct file once, by its digest
stat_cache        the state of files when they were last read, so that `cached_walk` can skip them
helpers           processes that work on parts of a large tree
references        which other objects a tree refers to
seal, remove      the final modes and times; deleting a tree
"""
