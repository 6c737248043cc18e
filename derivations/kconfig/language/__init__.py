"""Requests: the forms that they are written in, and how they merge.

    text, grammar, guix_alist, header, compressed ──▶ values with a condition ──fragment──▶ Requests ──merge──▶ one set

`to_python` writes requests as Python; `wording` holds phrases that sentences about options share. Nothing here knows a
tree.
"""
