"""Pages for a browser: each one file that needs nothing else, neither a server nor a network.

a Difference ──difference──┐
an Upgrade ────upgrade─────┴─▶ listing: rows in sections ──markup──▶ HTML, with `style`
"""
