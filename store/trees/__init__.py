"""The bytes of one object: hashed, copied, written, sealed, removed.

walk ──▶ a Taker at each file ──▶ `content.Content`: digest, size, nodes
    hash_tree     reads only
    copy_in       copies somebody else's tree, through the pool
    adopt         makes canonical what a builder left, in place
writer            writes a tree entry by entry
pool              every distinct file once, by its digest
stat_cache        what files were when they were last read, so that `cached_walk` skips them
helpers           processes that take part of a large tree
references        which other objects a tree names
seal, remove      fixed modes and times at the end; a tree taken away
"""
