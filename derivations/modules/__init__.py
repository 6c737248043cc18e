"""The modules of a kernel: which files a request needs, in the order in which they are loaded.

The texts of `lib/modules/RELEASE` become an `index`. A `request` names modules, globs, directories, device aliases, file
systems and encryption; it becomes words, each with a reason. The `closure` follows dependencies, soft and weak ones,
and `rules`, which are what the kernel asks for at run time and no list of the tree has. From the files themselves,
`modinfo` reads what `firmware` they load. Nothing here reads a file: callers pass texts and functions.
"""
