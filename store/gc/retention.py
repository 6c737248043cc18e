"""How long the collector spares what nothing refers to."""

from __future__ import annotations

import enum


class Retention(enum.StrEnum):
    """What an object is to its users once nothing keeps it alive."""

    RESULT = "result"
    SOURCE = "source"
    TOOLCHAIN = "toolchain"
    DERIVATION = "derivation"
    CACHE = "cache"
