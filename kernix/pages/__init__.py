"""Pages for a browser: each one file that needs nothing else, neither a server nor a network."""
