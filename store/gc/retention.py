"""How long the collector spares objects that nothing refers to."""

from __future__ import annotations

import enum


class Retention(enum.StrEnum):
    """What an object is for, which decides how long it is spared once nothing keeps it alive."""

    RESULT = "result"
    SOURCE = "source"
    TOOLCHAIN = "toolchain"
    DERIVATION = "derivation"
    CACHE = "cache"
