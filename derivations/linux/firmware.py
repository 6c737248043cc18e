"""Firmware in the image: files that drivers get without a file system.

The kernel links the files that its option EXTRA_FIRMWARE lists into the image (drivers/base/firmware_loader/builtin).
Drivers that are built in start before any file system is mounted, so without modules and initramfs there is no other way.
"""

from __future__ import annotations

import os
import re

from typing import TYPE_CHECKING, Any

import attrs

from derivations.callers.relative_path import relative_to_caller
from derivations.derivation import Derivation, Output
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import YES
from derivations.source import local_source
from store.errors import Error


if TYPE_CHECKING:
    from typing import TypeAlias

    from derivations.forms import ListOf
    from derivations.kconfig.language.values import Asked

    Tree: TypeAlias = str | os.PathLike[str] | Derivation | Output


PLACE = "/firmware"
"""Where a build finds the tree with the firmware."""

# Kbuild splits the list at white space, and passes names to make and the assembler.
_FILE = re.compile(r"(?!/)[A-Za-z0-9_.+@=:,/-]+", re.ASCII)
_DIRECTORY = re.compile(r"(?:(?!/)[A-Za-z0-9_.+@=:,/-]+)?", re.ASCII)


class InvalidFirmware(Error):
    """Firmware is described incorrectly."""

    reason: str

    def __str__(self) -> str:
        return f"firmware: {self.reason}"


@attrs.frozen(init=False)
class Firmware:
    """Firmware that is linked into a kernel's image.

    Args:
        files: The names of the files, as drivers ask for them: `amd-ucode/microcode_amd_fam17h.bin`.
        tree: The tree that has them: a directory, relative to the calling file, or a derivation such as
            `fetch_deb(…)`. The files must not be compressed.
        directory: The directory in *tree* that the names are relative to, such as `lib/firmware`.

    Raises:
        InvalidFirmware: *files* is not a list of such names, or is empty.
        NoSource: there is no such directory.
    """

    files: tuple[str, ...]
    tree: Output
    directory: str

    def __init__(self, files: ListOf[str], tree: Tree, *, directory: str = "") -> None:
        self.__attrs_init__(_files(files), _tree(tree), _directory(directory))  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def place(self) -> str:
        """Return where a build finds the files."""
        return f"{PLACE}/{self.directory}" if self.directory else PLACE

    @property
    def mounts(self) -> dict[str, Output]:
        """Return the mount of the tree in a build."""
        return {PLACE: self.tree}

    @property
    def fragment(self) -> Fragment:
        """Return the requests that put the files into the image."""
        asked: dict[str, Asked] = {
            "FW_LOADER": YES,
            "EXTRA_FIRMWARE": " ".join(self.files),
            "EXTRA_FIRMWARE_DIR": self.place,
        }
        return Fragment("firmware", asked, description="firmware in the image")


def _files(value: Any) -> tuple[str, ...]:  # noqa: ANN401 -- what the user wrote
    if not isinstance(value, list | tuple) or not value:
        raise InvalidFirmware(f"its files must be a list such as ['regulatory.db'], not {value!r}")
    for name in value:
        if not isinstance(name, str) or not _FILE.fullmatch(name) or ".." in name.split("/"):
            raise InvalidFirmware(f"{name!r} is not the name of a firmware file")
    return tuple(sorted(set(value)))


def _tree(value: Any) -> Output:  # noqa: ANN401 -- as above
    if isinstance(value, str | os.PathLike):
        return local_source(relative_to_caller(value, depth=2), name="firmware").out
    if isinstance(value, Derivation):
        return value.out
    if not isinstance(value, Output):
        raise InvalidFirmware(f"{value!r} is neither a directory nor a derivation")
    return value


def _directory(value: Any) -> str:  # noqa: ANN401 -- as above
    if not isinstance(value, str) or not _DIRECTORY.fullmatch(value) or ".." in value.split("/"):
        raise InvalidFirmware(f"{value!r} is not a directory in its tree, such as lib/firmware")
    return value.rstrip("/")
