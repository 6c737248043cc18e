"""The modules that are known for a kernel: `kernel.packages.v4l2loopback`.

Each is evaluated when it is asked for. `extend` lays an overlay of the usual form, `(final, prev) -> {"name": lambda: ...}`, over
them; `final` is what comes out in the end, `prev` what is below. The sources are Debian's `*-dkms` packages, pinned in the
lock (`kernix lock --add NAME-dkms`); what they lack for later kernels is made up for here, and said.
"""

from __future__ import annotations

import functools

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from derivations.derivation import Derivation
from derivations.frozen_map import FrozenMap
from derivations.linux.dkms import dkms_package
from derivations.linux.module import Kernel, make_linux_module
from derivations.linux.patch import Patch
from derivations.suggest import suggestion
from derivations.version import Version
from store.errors import Error


if TYPE_CHECKING:
    from typing import TypeAlias

    Layer: TypeAlias = "Callable[[Packages[K], Packages[K]], Mapping[str, Callable[[], Derivation]]]"

K = TypeVar("K", bound=Kernel)


class UnknownPackage(Error, KeyError, AttributeError):
    """There is no module of that name for a kernel."""

    exit_code = 2

    package: str
    known: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        # Else Python does, once it is raised, and fails: this error is frozen.
        object.__setattr__(self, "name", self.package)

    def __str__(self) -> str:
        return f"no module `{self.package}` is known"

    @property
    def hint(self) -> str:
        """Name those that are spelled nearly the same, or all."""
        return suggestion(self.package, self.known) or f"there are {', '.join(self.known)}"


class PackageCycle(Error):
    """A module is defined by itself."""

    package: str

    def __str__(self) -> str:
        return f"the module `{self.package}` is defined by itself"


class Packages(Mapping[str, Derivation], Generic[K]):
    """The modules that *layers* give for *kernel*, the last layer first."""

    # Declared for editors; there may be others, by `extend`.
    acpi_call: Derivation
    bbswitch: Derivation
    lime: Derivation
    v4l2loopback: Derivation
    vpoll: Derivation

    def __init__(self, kernel: K, layers: tuple[Layer[K], ...], final: Packages[K] | None = None) -> None:
        self.kernel = kernel
        self._layers = layers
        self._final = self if final is None else final
        self._values: dict[str, Derivation] = {}
        self._open: set[str] = set()

    def extend(self, overlay: Layer[K]) -> Packages[K]:
        """Return these modules with those of *overlay* over them."""
        return Packages(self.kernel, (*self._layers, overlay))

    def __getitem__(self, name: str) -> Derivation:
        if name not in self._values:
            if name not in self:
                raise UnknownPackage(name, tuple(self))
            if name in self._open:
                raise PackageCycle(name)
            self._open.add(name)
            try:
                self._values[name] = self._own[name]() if name in self._own else self._below[name]
            finally:
                self._open.remove(name)
        return self._values[name]

    def __getattr__(self, name: str) -> Derivation:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._own, *(self._below if len(self._layers) > 1 else ())}))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self._own or (len(self._layers) > 1 and name in self._below)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    @functools.cached_property
    def _own(self) -> Mapping[str, Callable[[], Derivation]]:
        return self._layers[-1](self._final, self._below)

    @functools.cached_property
    def _below(self) -> Packages[K]:
        return Packages(self.kernel, self._layers[:-1], self._final)


@attrs.frozen(kw_only=True)
class Change:
    """What a source needs for kernels since *since*: further arguments of make, or a patch of `patches/`."""

    since: str
    flags: tuple[str, ...] = ()
    patch: str | None = None


@attrs.frozen(kw_only=True)
class Dkms:
    """A source among Debian's packages.

    Attributes:
        package: The package, and the set of the lock that pins it.
        description: What the modules are.
        requires: Options that the kernel must have.
        changes: What is changed of it.
    """

    package: str
    description: str
    requires: tuple[str, ...]
    changes: tuple[Change, ...] = ()


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
            # strlcpy went in 6.8 (d26270061ae6), and differs from strscpy in what it returns only, which is not looked at.
            changes=(Change(since="6.8", flags=("KCFLAGS=-Dstrlcpy=strscpy",)),),
        ),
        "vpoll": Dkms(
            package="vpoll-dkms",
            description="files that generate events for poll, select and epoll",
            requires=("EPOLL",),
            changes=(Change(since="6.4", patch="vpoll-classes"),),
        ),
    }
)
"""The modules that come with kernix, by name."""

_PATCHES = Path(__file__).with_name("patches")


def packages(kernel: K) -> Packages[K]:
    """Return the modules that are known for *kernel*."""
    return Packages(kernel, (_debian,))


def _debian(final: Packages[K], _: Packages[K]) -> Mapping[str, Callable[[], Derivation]]:
    """Be the lowest layer: Debian's packages."""
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
