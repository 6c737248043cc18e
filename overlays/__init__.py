"""Overlays: loading users' files, and the overlays that come with kernix.

Every module here except `load` is an overlay: a function `overlay(final, prev)`.
"""

__part_of__ = "kernix"
