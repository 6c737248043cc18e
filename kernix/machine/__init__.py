"""This machine: its hardware, and whether it can build and boot."""
