"""Configuration files on the command line: plain or compressed; `-` means stdin."""

from __future__ import annotations

import functools
import sys

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.kconfig.language.compressed import MAX_SIZE
from derivations.kconfig.language.text import decoded
from derivations.source import text_file
from store.errors import Error


if TYPE_CHECKING:
    from derivations.derivation import Output


STDIN = Path("-")


class ConfigTooLarge(Error):
    """A file is too large to be a configuration."""

    file: str

    def __str__(self) -> str:
        return f"{self.file} is larger than {MAX_SIZE // 2**20} MiB, too large for a configuration"


def name_of(file: Path) -> str:
    """Return the name of *file* for messages."""
    return "stdin" if file == STDIN else file.name


def text_of(file: Path) -> str:
    """Return the configuration in *file*.

    Raises:
        OSError: it cannot be read.
        InvalidFragment: it is not text.
        ConfigTooLarge: it is too large to be a configuration.
    """
    return decoded(_bytes(file), name_of(file))


def as_base(file: Path) -> Path | Output:
    """Return *file* in the form in which `make_linux` takes a base."""
    return text_file("stdin", text_of(file)).out if file == STDIN else file.absolute()


def _bytes(file: Path) -> bytes:
    if file == STDIN:
        data = _stdin()
    else:
        with file.open("rb") as opened:
            data = opened.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise ConfigTooLarge(name_of(file))
    return data


@functools.cache
def _stdin() -> bytes:
    """Return the content of stdin, which can be read once but named twice."""
    return sys.stdin.buffer.read(MAX_SIZE + 1)
