"""What a driver's C source says about the hardware that it drives.

    a source ──headers──▶ its macros ──preprocessor──▶ tokens ──device_table──▶ entries ──buses──▶ module aliases

`source` takes a file through all of these. Nothing here knows a machine or a configuration.
"""
