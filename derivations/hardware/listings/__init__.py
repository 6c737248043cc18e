"""Listings of hardware, as people paste them: text in, facts about devices out.

`listing` recognises from its lines which program wrote each part of a text, and passes the part to the reader of
that form: `lspci`, `lsusb`, `kernel_log`, `reports`, `lshw`. `modalias` formats the results as the kernel would.
"""
