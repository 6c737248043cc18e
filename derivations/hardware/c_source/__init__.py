"""The hardware that a driver drives, read from its C source.

    a source ──headers──▶ its macros ──preprocessor──▶ tokens ──device_table──▶ entries ──buses──▶ module aliases

`source` runs a file through all of these steps. Nothing here depends on a machine or a configuration.
"""
