"""Reading Kbuild's `.cmd` files: the command that made a product, and everything that the command read.

`fixdep` writes them (scripts/basic/fixdep.c, tools/build/fixdep.c) from the compiler's list of files:

    savedcmd_kernel/panic.o := gcc … -o kernel/panic.o /src/kernel/panic.c     (cmd_… before Linux 6.3, and in tools/)
    source_kernel/panic.o := /src/kernel/panic.c
    deps_kernel/panic.o := \
        $(wildcard include/config/SMP) \
      /src/include/linux/bug.h \
    kernel/panic.o: $(wildcard ./tools/objtool/objtool)

Names are kept in three forms: `kernel/panic.c` for a source, `O:include/generated/autoconf.h` for a product, and
`/usr/include/errno.h` for a file of the toolchain.
"""

from __future__ import annotations

import posixpath
import re

import attrs


SOURCE, BUILD = "/src/", "/build/"
PRODUCT = "O:"
"""The prefix of a product's name."""

_COMMAND = re.compile(r"^(?:saved)?cmd_(\S+) := (.*)$", re.MULTILINE)
_FROM = re.compile(r"^source_\S+ := (\S+)$", re.MULTILINE)
_LIST = re.compile(r"^deps_\S+ :=((?:.*\\\n)*.*)$", re.MULTILINE)
_FURTHER = re.compile(r"^[^\s:$]+: (\$\(wildcard (\S+)\))$", re.MULTILINE)
_OPTION = re.compile(r"\$\(wildcard +include/config/([^)\s]+)\)")
_WORD = re.compile(r"[^\s\"'`;|&<>(),=]+")
_SEARCH = re.compile(r"-I(?=\S)")


@attrs.frozen
class Command:
    """How a product was made.

    Attributes:
        target: The product, relative to the build's directory.
        source: The file that it was compiled from; None if it was not compiled.
        files: The names of all that it read, the words of its command that look like files among them.
        options: The options whose values it read, without `CONFIG_`.
        is_listed: Whether the compiler said which files it read.
    """

    target: str
    source: str | None
    files: frozenset[str]
    options: frozenset[str]
    is_listed: bool


def read_command(text: str, target: str) -> Command:
    """Return what *text*, the `.cmd` file of *target*, says."""
    files: set[str] = set()
    options: set[str] = set()
    listed = _LIST.search(text)
    if listed is not None:
        body = listed[1].replace("\\\n", " ")
        options.update(map(_option, _OPTION.findall(body)))
        files.update(
            name_of(word) for word in _OPTION.sub(" ", body).split() if word != "\\" and not word.startswith("$(")
        )
    files.update(name_of(path) for _, path in _FURTHER.findall(text))
    for _, command in _COMMAND.findall(text):
        files.update(name_of(word) for word in _WORD.findall(command) if _is_path(word))
    source = _FROM.search(text)
    if source is not None:
        files.add(name_of(source[1]))
    files.discard(f"{PRODUCT}{target}")
    return Command(
        target, None if source is None else name_of(source[1]), frozenset(files), frozenset(options), listed is not None
    )


def name_of(path: str) -> str:
    """Return the name of the file that a command in the build's directory calls *path*."""
    if path.startswith(SOURCE):
        return posixpath.normpath(path[len(SOURCE) :])
    if path.startswith(BUILD):
        return PRODUCT + posixpath.normpath(path[len(BUILD) :])
    if path.startswith("/"):
        return posixpath.normpath(path)
    return PRODUCT + posixpath.normpath(path)


def base_of(name: str) -> str:
    """Return the last component of *name*."""
    return name.rpartition("/")[2].removeprefix(PRODUCT)


def _option(text: str) -> str:
    """Return the option of a file below include/config: `PRINTK_TIME`, before Linux 5.14 `printk/time.h`."""
    return text[:-2].replace("/", "_").upper() if text.endswith(".h") else text


def _is_path(word: str) -> bool:
    return not word.startswith("-") and ("/" in word or "." in word.strip("."))
