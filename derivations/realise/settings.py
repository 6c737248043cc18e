"""What the user chose about how to realise; nothing here changes what comes out.

Settings are values that the caller makes: nothing below the command line reads the environment.
"""

from __future__ import annotations

import os

import attrs

from derivations.realise.sandbox.bounds import Bounds


def _limit(seconds: float | None) -> float | None:
    return seconds or None


@attrs.frozen(kw_only=True)
class Settings:
    """How to realise: how many at once, how long, from where.

    Attributes:
        jobs: How many builders run in sandboxes at once.
        cores: How many processors one builder is told to use; 0 for all.
        fetches: How many downloads run at once.
        keep_going: Build all that can be built after the first failure.
        keep_failed: Leave the build directory of a failed builder in `<home>/failed/`.
        timeout: Seconds that a builder may run, where its derivation does not say; None or 0 for no limit.
        max_silent_time: Seconds that a builder may be silent, where its derivation does not say; None or 0 for no limit.
        max_log_size: Bytes that a builder may print: one that prints for ever must end somewhere.
        bounds: How much of the machine one build may take.
        kvm: Whether builders who ask for /dev/kvm get it where it is; they try it out before they rely on it.
        offline: Fetch nothing.
        mirrors: Base URLs of Debian mirrors, tried before those of the machine's apt.
        kernel_mirrors: Base URLs tried before kernel.org's CDN.
        retries: How often a download is tried again on one server.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds to wait for the next bytes of a download.
        max_download_size: Bytes of a download whose size nothing else says: one that has no end must end somewhere.
    """

    jobs: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    cores: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    fetches: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    keep_going: bool = False
    keep_failed: bool = False
    timeout: float | None = attrs.field(default=None, converter=_limit)
    max_silent_time: float | None = attrs.field(default=None, converter=_limit)
    max_log_size: int = 1 << 30
    bounds: Bounds = attrs.field(factory=Bounds)
    kvm: bool = True
    offline: bool = False
    mirrors: tuple[str, ...] = ()
    kernel_mirrors: tuple[str, ...] = ()
    retries: int = attrs.field(default=5, validator=attrs.validators.ge(0))
    connect_timeout: float = 15
    read_timeout: float = 30
    max_download_size: int = 4 << 30

    @property
    def builder_cores(self) -> int:
        """Return how many processors a builder is told to use."""
        return self.cores or len(os.sched_getaffinity(0))
