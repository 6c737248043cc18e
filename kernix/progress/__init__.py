"""Progress of a running build: plain lines, or a live display on a terminal.

    events of `derivations.realise` ──state──▶ what is running ─┬─plain──▶ lines for logs and pipes
                                                                └─live ──frame──▶ `block`, redrawn in place

`words` has the wording for both; `line` is the display of one long step, such as a collection.
"""
