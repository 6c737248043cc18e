"""Output: messages on stderr, tables and descriptions on stdout, all of it safe for a terminal.

    errors, warnings, remarks ──messages──▶ stderr     `hints` completes the commands in them
    definitions ──describe, differences──▶ text or JSON data ──table──▶ stdout

`printable` escapes what would control a terminal; `quantities` reads and writes sizes and times.
"""
