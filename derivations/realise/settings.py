"""The user's settings for a run; none of them changes a result.

Settings are values that the caller makes: nothing below the command line reads the environment.
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import attrs

from derivations.realise.kept.policy import KeepPolicy
from derivations.realise.sandbox.bounds import Bounds


if TYPE_CHECKING:
    from store.caches.cache import Cache


CCACHE = "ccache"
"""The only compile cache that there is."""


def _limit(seconds: float | None) -> float | None:
    return seconds or None


@attrs.frozen(kw_only=True)
class Settings:
    """How to realise: parallelism, time limits, download sources.

    Attributes:
        jobs: How many sandboxed builders run in parallel.
        cores: How many processors one builder should use; 0 for all.
        fetches: How many downloads run in parallel.
        keep_going: After a failure, build everything that does not depend on it.
        keep_failed: Leave the build directory of a failed builder in `<home>/failed/`.
        timeout: Seconds a builder may run, unless its derivation sets a limit; None or 0 for no limit.
        max_silent_time: Seconds a builder may be silent, unless its derivation sets a limit; None or 0 for no limit.
        max_log_size: Bytes a builder may print, so that one in an endless loop is stopped.
        bounds: How much of the machine one build may use.
        kept: What is kept of finished kernel builds for later ones.
        compile_cache: `ccache`, if what kernels compile goes through it, or None.
        compile_cache_size: Bytes that it may take on the disk.
        kvm: Whether builders that ask for /dev/kvm get it, if it exists; they test it before they rely on it.
        offline: Fetch nothing.
        caches: Where results are looked up before anything is built, in this order.
        mirrors: Base URLs of Debian mirrors, tried before those of the machine's apt.
        kernel_mirrors: Base URLs tried before kernel.org's CDN.
        retries: How often a download is retried on one server.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds to wait for the next bytes of a download.
        max_download_size: Bytes of a download of unknown size, so that an endless one is stopped.

    The defaults are not measured. Four downloads use most lines well and burden no mirror; a working server answers in
    a small part of the timeouts; and no log or source of a kernel comes near the limits in bytes.
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
    kept: KeepPolicy = attrs.field(factory=KeepPolicy)
    compile_cache: str | None = attrs.field(default=None, validator=attrs.validators.in_((None, CCACHE)))
    compile_cache_size: int = attrs.field(default=5 << 30, validator=attrs.validators.ge(0))
    kvm: bool = True
    offline: bool = False
    caches: tuple[Cache, ...] = ()
    mirrors: tuple[str, ...] = ()
    kernel_mirrors: tuple[str, ...] = ()
    retries: int = attrs.field(default=5, validator=attrs.validators.ge(0))
    connect_timeout: float = 15
    read_timeout: float = 30
    max_download_size: int = 4 << 30

    @property
    def builder_cores(self) -> int:
        """Return the number of processors a builder should use."""
        return self.cores or len(os.sched_getaffinity(0))
