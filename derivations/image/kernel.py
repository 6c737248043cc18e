"""The part of a kernel that its images need, built here or by a distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from derivations.derivation import Derivation, Output


if TYPE_CHECKING:
    from derivations.context import Context
    from derivations.toolchain import Toolchain


class Kernel(Protocol):
    """How a kernel is configured, and its modules."""

    @property
    def context(self) -> Context:
        """Return the context with its lock and its system."""
        ...

    @property
    def out(self) -> Output:
        """Return the output with its `config`."""
        ...

    @property
    def modules(self) -> Output:
        """Return the output with `lib/modules/<release>`."""
        ...

    @property
    def release(self) -> str:
        """Return the output of `uname -r` on it."""
        ...


class ModularKernel(Kernel, Protocol):
    """A kernel whose modules can be chosen, and indexed again."""

    @property
    def name(self) -> str:
        """Return its full name."""
        ...

    @property
    def toolchain(self) -> Toolchain:
        """Return the toolchain, which has depmod."""
        ...


CONFIG, KERNEL = "/config", "/kernel"
"""Where a builder sees the configuration: the file itself, or the output of a kernel that has it as `config`."""


IMAGES = ("bzImage", "vmlinuz", "Image.gz", "Image", "zImage", "vmlinuz.efi", "vmlinux")
"""The names that a kernel's image may have in its output."""


def configuration_of(kernel: Kernel) -> dict[str, Output]:
    """Return the mount of the configuration of *kernel*: of one that is built here, known before it is compiled."""
    configuration = getattr(kernel, "configuration", None)
    return {CONFIG: configuration} if isinstance(configuration, Output) else {KERNEL: kernel.out}


def is_kernel(value: object) -> bool:
    """Return whether *value* is a kernel, as far as can be seen without computing anything of it."""
    return not isinstance(value, Derivation) and all(
        hasattr(type(value), it) for it in ("context", "out", "modules", "release")
    )
