"""A cache over HTTP: `kernix serve`.

A request comes in at `app`, which asks `tokens` who sends it and whether they may; `names` says which file of the cache it is about;
`files` reads, writes, lists or deletes that, by `store.caches.directory`. Any other path is that of a page or of the API, which `site` knows: `catalogue` finds
what the cache has, and `pages` or `api` shows it. `listen` opens the port and runs all of it.
"""
