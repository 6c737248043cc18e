"""How much is kept of finished object trees, and whether builds start from them."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class KeepPolicy:
    """What the shelf may hold.

    Attributes:
        enabled: Whether builds start from kept trees and leave theirs.
        max_size: The most bytes that all of them may take on the disk.
        max_age: Seconds after its last use that a tree stays.
        prove: With which probability a kernel that was built from a kept tree is built again cleanly, in the background.

    A tree of a small kernel takes 100 MB, of Debian's own several GB, and the next one little more than what
    differs; so the default has room for the kernels of one person's work, of a month.
    """

    enabled: bool = True
    max_size: int = attrs.field(default=20 << 30, validator=attrs.validators.ge(0))
    max_age: float = attrs.field(default=30 * 86400.0, validator=attrs.validators.ge(0))
    prove: float = attrs.field(
        default=0.0, validator=attrs.validators.and_(attrs.validators.ge(0.0), attrs.validators.le(1.0))
    )
