"""Overlays: the fixed point, users' files, and the ones that come with kernix.

Every other module here is an overlay: a function `overlay(final, prev)`.
"""

__part_of__ = "kernix"
