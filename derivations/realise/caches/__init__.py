"""Caches, as builds use them: what an action would make is fetched instead where a trusted cache has it.

    places         from the URL of a cache to its transport
    http           a cache on a web server, written by WebDAV
    substitute     before anything is built, and before each action: look up, fetch, record

The format, and everything that is done with a cache apart from builds, is in `store.caches`.
"""
