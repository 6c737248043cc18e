"""GNU Linux-libre, in the form of Guix: `make-linux-libre` and its relatives, with Guix's arguments and their meaning.

The formats and defaults are those of gnu/packages/linux.scm, and of the post "Creating and using a custom Linux kernel on
Guix System" (2019). The result is an ordinary kernel: `inherit` is `kernel.override(…)`. Two things differ: options that
do not hold are errors, unless they are `optional(…)`, as the default ones are; and there is no boot logo patch.
"""

from __future__ import annotations

import re

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from derivations.callers.relative_path import relative_to_caller
from derivations.context import USUAL_SYSTEM, current
from derivations.derivation import Derivation, Hints, Output
from derivations.fetch import fetch_url
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, NO, YES, option_name, optional
from derivations.linux.arguments import InvalidArgument, is_file_name
from derivations.linux.kernel import Kernel, make_linux
from derivations.linux.script import SHELL, script
from derivations.systems import machine
from derivations.toolchain import named_toolchain
from derivations.unpack import is_archive, unpack
from derivations.version import Version
from store.errors import Error
from store.gc.retention import Retention


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from derivations.forms import ListOf
    from derivations.kconfig.language.values import Asked
    from derivations.linux.keywords import Built, File
    from derivations.linux.patch import Patch

    Alist: TypeAlias = Mapping[str, Any] | ListOf[tuple[str, Any]]
    ConfigurationFile: TypeAlias = Callable[[str, str], File | Built | None]


_SITE = "https://linux-libre.fsfla.org/pub/linux-libre/releases"

DEFAULT_EXTRA_LINUX_OPTIONS: tuple[tuple[str, Asked], ...] = (
    ("CONFIG_DEVPTS_MULTIPLE_INSTANCES", optional(YES)),  # always on since 4.7
    *(
        (f"CONFIG_{it}", optional(MODULE))
        for it in ("NET_9P", "NET_9P_VIRTIO", "VIRTIO_BLK", "VIRTIO_NET", "VIRTIO_PCI")
    ),
    *((f"CONFIG_{it}", optional(MODULE)) for it in ("VIRTIO_BALLOON", "VIRTIO_MMIO", "FUSE_FS", "CIFS", "9P_FS")),
)
"""Guix' %default-extra-linux-options: what its initramfs needs. They give way: not every version has all of them."""

_WORDS: dict[bool | str, Asked] = {True: YES, False: NO, "m": MODULE}
_REVISION = re.compile(r"gnu[0-9]*", re.ASCII)


class OtherDeblobVersion(Error):
    """Deblobbing scripts are for another series of Linux; on this one they would miss things without a word."""

    version: str
    scripts: str

    def __str__(self) -> str:
        return f"the deblobbing script is for Linux {self.scripts}, not for {self.version}"


def make_linux_libre(
    version: str,
    hash: str,  # noqa: A002 -- Guix' name
    supported_systems: ListOf[str],
    *,
    gnu_revision: str = "gnu",
    extra_version: str | None = None,
    configuration_file: ConfigurationFile | None = None,
    defconfig: str = "defconfig",
    extra_options: Alist = DEFAULT_EXTRA_LINUX_OPTIONS,
    patches: ListOf[Patch] = (),
) -> Kernel:
    """Return GNU Linux-libre *version*, from its own tarball.

    Args:
        version: The version of Linux, such as `6.12.29`.
        hash: The tarball's SHA-256, as Guix writes it (nix-base32), hexadecimal or SRI.
        supported_systems: The systems, by Guix' names: `armhf-linux` is `armv7l-linux`.
        gnu_revision: The revision of the tarball: `gnu`, `gnu1`, …
        extra_version: What `uname -r` shows behind the version, in place of `gnu`; also part of the name.
        configuration_file: A function of the architecture (Kbuild's ARCH) and the variant (`6.12`) that returns a
            configuration file, relative to the calling file, or None where *defconfig* is to be used.
        defconfig: The target of make that gives the configuration otherwise.
        extra_options: Options over it, as an association list of `("CONFIG_X", value)`, of which the last one of a
            name counts, or a mapping. Values are True, False, `"m"`, texts, or those of `extra_config`.
        patches: The patches.

    Raises:
        InvalidArgument, InvalidSource, InvalidFragment, UnknownSystem: a value is invalid.
    """
    _check_revision(gnu_revision)
    name = f"{version}-{gnu_revision}"
    source = fetch_url(f"{_SITE}/{name}/linux-libre-{name}.tar.xz", sha256=hash)
    return _made(
        version, source, supported_systems,
        gnu_revision=gnu_revision, extra_version=extra_version, configuration_file=configuration_file,
        defconfig=defconfig, extra_options=extra_options, patches=patches,
    )  # fmt: skip


def make_linux_libre_from(
    version: str,
    source: Built,
    supported_systems: ListOf[str],
    *,
    gnu_revision: str = "gnu",
    extra_version: str | None = None,
    configuration_file: ConfigurationFile | None = None,
    defconfig: str = "defconfig",
    extra_options: Alist = DEFAULT_EXTRA_LINUX_OPTIONS,
    patches: ListOf[Patch] = (),
) -> Kernel:
    """Return the kernel of *source*, such as `linux_libre_source` returns: Guix' `make-linux-libre*`.

    The other arguments are those of `make_linux_libre`.
    """
    _check_revision(gnu_revision)
    return _made(
        version, source, supported_systems,
        gnu_revision=gnu_revision, extra_version=extra_version, configuration_file=configuration_file,
        defconfig=defconfig, extra_options=extra_options, patches=patches,
    )  # fmt: skip


def _made(
    version: str,
    source: Built,
    supported_systems: ListOf[str],
    *,
    gnu_revision: str,
    extra_version: str | None,
    configuration_file: ConfigurationFile | None,
    defconfig: str,
    extra_options: Alist,
    patches: ListOf[Patch],
) -> Kernel:
    parsed = Version.parse(version)
    systems = _systems(supported_systems)
    base: Any = defconfig
    if configuration_file is not None:
        base = {}
        for arch in sorted({machine(it).arch for it in systems}):
            found: Any = configuration_file(arch, parsed.series)
            base[arch] = relative_to_caller(found, depth=2) if is_file_name(found) else found or defconfig
    return make_linux(
        name=f"linux-libre-{extra_version}" if extra_version else "linux-libre",
        version=version,
        source=source,
        description=f"GNU Linux-libre {version}",
        systems=systems,
        base=base,
        extra_config=Fragment("extra_options", _options(extra_options)),
        patches=patches,
        # The tree's EXTRAVERSION is -gnu, which an extra version replaces.
        make_flags=[f"EXTRAVERSION={parsed.extra}{parsed.candidate}"],
        extra_version=f"-{extra_version or gnu_revision}",
    )


def alist_delete(key: str, alist: ListOf[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return *alist* without the pairs of *key*: SRFI 1's `alist-delete`."""
    return [(name, value) for name, value in alist if name != key]


def linux_libre_deblob_scripts(
    version: str, gnu_revision: str, deblob_hash: str, deblob_check_hash: str
) -> tuple[str, Derivation, Derivation]:
    """Return the series of *version*, and the scripts `deblob` and `deblob-check` for it, pinned by their SHA-256.

    Raises:
        InvalidArgument, InvalidSource, InvalidVersion: a value is invalid.
    """
    _check_revision(gnu_revision)
    series, place = Version.parse(version).series, f"{_SITE}/{version}-{gnu_revision}"
    return (
        series,
        fetch_url(f"{place}/deblob-{series}", sha256=deblob_hash, name=f"deblob-{version}-{gnu_revision}"),
        fetch_url(f"{place}/deblob-check", sha256=deblob_check_hash, name=f"deblob-check-{version}-{gnu_revision}"),
    )


def linux_libre_source(version: str, source: Built, deblob_scripts: tuple[str, Built, Built]) -> Derivation:
    """Return *source*, kernel.org's Linux *version*, without what is not free: Guix' `make-linux-libre-source`.

    *deblob_scripts* are a series and the two scripts for it. They run in the pinned toolchain.

    Raises:
        OtherDeblobVersion: they are for another series.
        MissingSet: the lock lacks the toolchain.
    """
    scripts, deblob, check = deblob_scripts
    if scripts != Version.parse(version).series:
        raise OtherDeblobVersion(version, scripts)
    toolchain = named_toolchain("gcc", current().lock(), USUAL_SYSTEM)
    tree = _output(source)
    if is_archive(tree.derivation.name):
        tree = unpack(tree).out
    return Derivation(
        name=f"linux-libre-{version}",
        system=toolchain.system,
        builder=SHELL,
        args=script("deblob"),
        mounts={"/": toolchain.root, "/src": tree, "/deblob": _output(deblob), "/deblob-check": _output(check)},
        hints=Hints(description=f"deblob Linux {version}", retention=Retention.SOURCE),
    )


def _output(it: Built) -> Output:
    return it.out if isinstance(it, Derivation) else it


def _check_revision(revision: object) -> None:
    if not isinstance(revision, str) or not _REVISION.fullmatch(revision):
        raise InvalidArgument("gnu_revision", f"{revision!r} is not a revision such as gnu or gnu1")


def _systems(given: Any) -> list[str]:  # noqa: ANN401 -- what the user wrote
    if not isinstance(given, list | tuple):
        raise InvalidArgument("supported_systems", f"it must be a list such as ['x86_64-linux'], not {given!r}")
    return ["armv7l-linux" if it == "armhf-linux" else it for it in given]


def _options(given: Any) -> dict[str, Asked]:  # noqa: ANN401 -- as above
    """Return the association list *given* as requests; of several pairs with a name, the last one counts."""
    pairs = given.items() if isinstance(given, Mapping) else given
    if not isinstance(pairs, Iterable) or isinstance(pairs, str):
        raise InvalidArgument("extra_options", f'it must be a list such as [("CONFIG_NET_9P", "m")], not {given!r}')
    found: dict[str, Asked] = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004 -- a pair
            raise InvalidArgument("extra_options", f'{pair!r} is not a pair such as ("CONFIG_NET_9P", "m")')
        name, value = pair
        try:
            found[option_name(name)] = _WORDS.get(value, value) if isinstance(value, bool | str) else value  # type: ignore[arg-type]
        except ValueError as error:
            raise InvalidArgument("extra_options", str(error)) from None
    return found
