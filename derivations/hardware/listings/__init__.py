"""Listings of hardware, as people paste them: text in, facts about devices out.

`listing` recognises by its lines which program wrote each part of a text and hands it to the reader of
that form: `lspci`, `lsusb`, `kernel_log`, `reports`. `modalias` writes what they found as the kernel would.
"""
