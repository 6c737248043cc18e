"""This machine: its hardware, and checks that it can build and boot."""
