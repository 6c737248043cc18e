"""The external modules that are known for a kernel, such as `kernel.packages.v4l2loopback`.

Like the kernels, they are a fixed point of overlays (`derivations.fixpoint`); `extend` adds an overlay. The sources are
Debian's `*-dkms` packages, pinned in the lock (`kernix lock --add NAME-dkms`), with adaptations to later kernels.
"""

from __future__ import annotations

import functools

from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from derivations.fixpoint import AttrSet, stack
from derivations.frozen_map import FrozenMap
from derivations.linux.dkms import dkms_package
from derivations.linux.module import Kernel, make_linux_module
from derivations.linux.patch import Patch
from derivations.suggest import suggestion
from derivations.version import Version
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from derivations.derivation import Derivation
    from derivations.fixpoint import Thunks

    Layer: TypeAlias = "Callable[[Packages[K], Packages[K]], Mapping[str, Callable[[], Derivation]]]"

K = TypeVar("K", bound=Kernel)


class UnknownModule(Error, KeyError, AttributeError):
    """No module of that name is known for a kernel."""

    exit_code = 2

    package: str
    known: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        # Otherwise Python sets it when the error is raised, and fails, because this error is frozen.
        object.__setattr__(self, "name", self.package)

    def __str__(self) -> str:
        return f"unknown module `{self.package}`"

    @property
    def hint(self) -> str:
        """Suggest modules with a similar spelling, or list all of them."""
        return suggestion(self.package, self.known) or f"the modules are {', '.join(self.known)}"


class Packages(AttrSet, Generic[K]):
    """The modules that are known for a kernel."""

    # Declared for editors; `extend` may add others.
    acpi_call: Derivation
    bbswitch: Derivation
    lime: Derivation
    v4l2loopback: Derivation
    vpoll: Derivation

    def __init__(self, thunks: Thunks | None, kernel: K, layers: tuple[Layer[K], ...]) -> None:
        super().__init__(thunks)
        self._kernel = kernel
        self._layers = layers

    @property
    def kernel(self) -> K:
        """The kernel that they are for."""
        return self._kernel

    if TYPE_CHECKING:

        def __getitem__(self, name: str) -> Derivation: ...

        def __getattr__(self, name: str) -> Derivation: ...

    def extend(self, overlay: Layer[K]) -> Packages[K]:
        """Return these modules with *overlay* applied over them."""
        return _packages(self._kernel, (*self._layers, overlay))

    def _unknown(self, name: str) -> Error:
        return UnknownModule(name, tuple(self))


@attrs.frozen(kw_only=True)
class Adaptation:
    """A change to a source for kernels from version *since* on: further arguments of make, or a patch in `patches/`."""

    since: str
    flags: tuple[str, ...] = ()
    patch: str | None = None


@attrs.frozen(kw_only=True)
class Dkms:
    """A source of modules in a Debian package.

    Attributes:
        package: The name of the package, and of the set in the lock that pins it.
        description: What the modules do.
        requires: Options that the kernel must have.
        changes: Adaptations to later kernels.
    """

    package: str
    description: str
    requires: tuple[str, ...]
    changes: tuple[Adaptation, ...] = ()


DKMS: FrozenMap[Dkms] = FrozenMap(
    {
        "acpi_call": Dkms(
            package="acpi-call-dkms",
            description="calls of ACPI methods through /proc/acpi/call",
            requires=("ACPI", "PROC_FS"),
        ),
        "bbswitch": Dkms(
            package="bbswitch-dkms",
            description="the power switch of NVIDIA Optimus cards",
            requires=("ACPI", "PCI"),
        ),
        "lime": Dkms(
            package="lime-forensics-dkms",
            description="a dump of the memory to a disk or the network",
            requires=("CRYPTO_SHA256|CRYPTO_SHA1|CRYPTO_MD5", "INET"),
        ),
        "v4l2loopback": Dkms(
            package="v4l2loopback-dkms",
            description="virtual video devices",
            requires=("VIDEO_DEV",),
            # strlcpy was removed in 6.8 (d26270061ae6); it differs from strscpy only in its result, which is not used.
            changes=(Adaptation(since="6.8", flags=("KCFLAGS=-Dstrlcpy=strscpy",)),),
        ),
        "vpoll": Dkms(
            package="vpoll-dkms",
            description="files that generate events for poll, select and epoll",
            requires=("EPOLL",),
            changes=(Adaptation(since="6.4", patch="vpoll-classes"),),
        ),
    }
)
"""The modules that come with kernix, by name."""

_PATCHES = Path(__file__).with_name("patches")


def packages(kernel: K) -> Packages[K]:
    """Return the modules that are known for *kernel*."""
    return _packages(kernel, (_debian,))


def _packages(kernel: K, layers: tuple[Layer[K], ...]) -> Packages[K]:
    return stack(lambda thunks: Packages(thunks, kernel, layers), layers)


def _debian(final: Packages[K], _: Packages[K]) -> Mapping[str, Callable[[], Derivation]]:
    """Return the lowest layer: Debian's packages."""
    return {name: functools.partial(_build, final.kernel, name, dkms) for name, dkms in DKMS.items()}


def _build(kernel: Kernel, name: str, dkms: Dkms) -> Derivation:
    changes = [it for it in dkms.changes if Version.parse(it.since) <= Version.parse(kernel.arguments.version)]
    return make_linux_module(
        kernel,
        dkms_package(dkms.package),
        name=name,
        description=f"{dkms.description}, for Linux {kernel.release}",
        make_flags=[flag for change in changes for flag in change.flags],
        patches=[_patch(change.patch) for change in changes if change.patch is not None],
        requires=dkms.requires,
    )


def _patch(name: str) -> Patch:
    return Patch(name, text=_PATCHES.joinpath(f"{name}.patch").read_text(encoding="utf-8"))
