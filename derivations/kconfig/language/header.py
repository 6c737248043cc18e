"""The header of a whole `.config`: what it is for, and whether the file is complete.

The header names the architecture, the value of ARCH given to make, and the version:

    #
    # Automatically generated file; DO NOT EDIT.
    # Linux/x86 6.1.0 Kernel Configuration
    #

In all but old versions each menu, which begins like the header, ends with a line `# end of …`
(scripts/kconfig/confdata.c).
A file without a header, such as a minimal defconfig, does not say what it is for.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.version import InvalidVersion, Version
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Collection


_HEAD = re.compile(r"\A(?:#.*\n)*?# Linux/(\S+) (\S+) Kernel Configuration\n")
_END = "# end of "
_LAST = "Kernel hacking"
_COMMENT = "# Compiler: "  # in old versions the only comment outside of any menu
_COMPUTED = re.compile(r"^CONFIG_(?:HAVE|ARCH_HAS|GENERIC|CC_HAS)_\w+=y$", re.MULTILINE | re.ASCII)
_FEW = 3  # a fragment may set one or two of these options by mistake; a whole file has dozens
_NAMING = re.compile(
    r"^CONFIG_(X86_64|X86_32|ARM64|ARM|RISCV|S390|PPC|MIPS|LOONGARCH|SPARC|PARISC|M68K|ALPHA|ARC|CSKY|HEXAGON|MICROBLAZE"
    r"|NIOS2|OPENRISC|SUPERH|XTENSA|UML)=y$",
    re.MULTILINE,
)
_NAMED = {"X86_32": "i386", "PPC": "powerpc", "SUPERH": "sh", "UML": "um"}
_DIRECTORIES = {"i386": "x86", "x86_64": "x86", "parisc64": "parisc", "sparc32": "sparc", "sparc64": "sparc"}


class IncompleteConfig(Error):
    """A whole `.config` is truncated."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file} is incomplete: {self.reason}"

    @property
    def hint(self) -> str:
        """Describe the end of a complete file."""
        return "copy it again; a complete .config ends with the line `# end of …` of its last menu"


class ForeignConfig(Error):
    """A whole `.config` is for another architecture."""

    file: str
    architecture: str
    expected: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file} is for {self.architecture}, but the kernel is for {' and '.join(self.expected)}"

    @property
    def hint(self) -> str:
        """Name the argument that sets the architecture."""
        return (
            "`systems` sets the architecture of a kernel; request the options that all architectures have in a fragment"
        )


class MinimalConfig(Error):
    """A file is not a whole `.config` but a minimal one, such as a defconfig, to which Kconfig adds all defaults."""

    file: str

    def __str__(self) -> str:
        return f"{self.file} is not a whole .config but a minimal one, like a defconfig: it lists only what differs from the defaults"

    @property
    def hint(self) -> str:
        """Name the function that takes a minimal one."""
        return (
            f'make_linux(base="{self.file}") lets Kconfig fill in the rest; '
            "`kernix config ATTR` prints the resulting .config"
        )


class ConfigOfOtherVersion(Error):
    """A whole `.config` that must not change was made for another version."""

    file: str
    version: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file} is for Linux {self.version}, but the kernel is {self.expected}"

    @property
    def hint(self) -> str:
        """Name the ways to move a configuration to another version."""
        return "make_linux(base=…) lets Kconfig fill in what is new; `kernix config upgrade` shows what changes"


@attrs.frozen
class Head:
    """The header of a `.config`: the value of ARCH, and a version."""

    architecture: str
    version: str


def head(text: str) -> Head | None:
    """Return the header of the `.config` *text*; None if it has none."""
    match = _HEAD.match(text)
    return Head(match[1], match[2]) if match else None


def check_complete(text: str, file: str) -> None:
    """Raise `IncompleteConfig` if the `.config` *text*, of *file*, has a header and is truncated."""
    if head(text) is None:
        return
    if not text.endswith("\n"):
        last = text.rpartition("\n")[2]
        raise IncompleteConfig(file, f"it breaks off at {last[:80]!r}")
    # Everything before the end of “Kernel hacking” is complete, even if comments in it look like menus.
    rest = text.rpartition(f"\n{_END}{_LAST}\n")[2]
    if f"\n{_END}" in text and (menus := _open_menus(rest.split("\n"))):
        raise IncompleteConfig(file, f"its menu {menus[0]!r} has no end")


def _open_menus(lines: list[str]) -> list[str]:
    """Return the titles of the menus among *lines* that have no end, the outermost first."""
    found: list[str] = []
    for before, line, behind in zip(lines, lines[1:], lines[2:], strict=False):
        if line.startswith(_END) and (title := line.removeprefix(_END)) in found:
            del found[len(found) - 1 - found[::-1].index(title) :]  # comments in a menu look like menus without an end
        elif before == behind == "#" and line.startswith("# ") and not line.startswith(_COMMENT):
            found.append(line.removeprefix("# "))
    return found


def check_architecture(text: str, file: str, architectures: Collection[str]) -> None:
    """Raise `ForeignConfig` if the `.config` *text*, of *file*, is for none of *architectures*, values of ARCH."""
    found = _architecture(text)
    if found is None or found in architectures:
        return
    # For x86 the header alone does not say which one; other pairs differ in an option that can be set.
    is_certain = found not in {"x86", "i386", "x86_64"} or (
        found == "x86" and "x86" in {directory(it) for it in architectures}
    )
    if not (is_certain and directory(found) in {directory(it) for it in architectures}):
        raise ForeignConfig(file, found, tuple(architectures))


def _architecture(text: str) -> str | None:
    """Return the architecture that the `.config` *text* is for: from its header, or else from an option that names it."""
    about, option = head(text), _NAMING.search(text)
    named = None if option is None else _NAMED.get(option[1], option[1].lower())
    if about is None or named is None:
        return named if about is None else about.architecture
    # For x86 the option says which one; if the two contradict each other, the header wins.
    return named if directory(named) == directory(about.architecture) == "x86" else about.architecture


def is_whole(text: str) -> bool:
    """Return whether *text* is a whole `.config`: it has a header, or options that only Kconfig itself writes."""
    return head(text) is not None or len(_COMPUTED.findall(text)) >= _FEW


def check_whole(text: str, file: str) -> None:
    """Raise `MinimalConfig` if *text*, of *file*, is not a whole `.config`."""
    if not is_whole(text):
        raise MinimalConfig(file)


def check_version(text: str, file: str, version: str) -> None:
    """Raise `ConfigOfOtherVersion` if the `.config` *text*, of *file*, is for another series than *version*."""
    found = head(text)
    if found is None:
        return
    try:
        series = Version.parse(found.version).series
    except InvalidVersion:
        return  # a vendor's own naming, not a version of Linux
    if series != Version.parse(version).series:
        raise ConfigOfOtherVersion(file, found.version, version)


def directory(architecture: str) -> str:
    """Return the directory below `arch/` of *architecture*, a value of ARCH."""
    return _DIRECTORIES.get(architecture, architecture)
