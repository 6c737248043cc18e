"""Boot loader entries: the files of the Boot Loader Specification, and a snippet for GRUB.

An entry is a text file below `loader/entries/`, of lines `key value`; lines that begin with `#` are comments
(https://uapi-group.org/specifications/specs/boot_loader_specification/). With boot counting a loader renames it:
`ID+3.conf` has three tries left, `ID+2-1.conf` two after one that failed, `ID+0-3.conf` is bad, and `ID.conf`, once the
machine has said that it is up, is good. All of them are the entry `ID`.

An entry of kernix is never changed. Its name has a digest of its text, and the files that it names are called by the
digest of their content; another kernel in the same slot, or another command line, is another entry beside it.
"""

from __future__ import annotations

import fnmatch
import re

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store import base32
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


FILES = "kernix"
"""The directory of kernels and initramfs, below the boot partition's own."""

ENTRIES = "loader/entries"
PROGRAMS = "EFI/Linux"
"""The directory of unified kernel images."""

LOADER = "loader/loader.conf"
GRUB = f"{FILES}/grub.cfg"

_OWNER = "# made by kernix from the profile "
_NAME = re.compile(r"(?P<id>[^+]+)(?:\+(?P<left>[0-9]{1,9})(?:-(?P<done>[0-9]{1,9}))?)?\.(?:conf|efi)", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+", re.ASCII)
DIGEST = 10  # bytes: 16 characters of an entry's name
_FILE = re.compile(f"([{base32.ALPHABET}]{{32}})-(linux|initrd)")
_LONGEST = 2000  # characters: COMMAND_LINE_SIZE is 2048 on most machines, and loaders add some


class InvalidCommandLine(Error):
    """A text cannot be a kernel's command line."""

    exit_code = 2

    text: str
    reason: str

    def __str__(self) -> str:
        return f"invalid command line {self.text!r}: {self.reason}"

    @property
    def hint(self) -> str:
        """Return an example."""
        return "it is one line, such as `root=UUID=… ro quiet`"


@attrs.frozen(kw_only=True)
class NewEntry:
    """An entry to write.

    Attributes:
        profile: The profile it is made from.
        slot: The slot of its kernel.
        title: What a menu shows.
        version: The kernel's release, by which loaders sort.
        machine: The machine's id, since several systems may share a partition; empty if it has none.
        options: The kernel's command line.
        linux: The kernel, as a path from the partition's root.
        initrd: The initramfs, likewise.
    """

    profile: str
    slot: str
    title: str
    version: str
    options: str
    linux: str
    initrd: tuple[str, ...] = ()
    machine: str = ""

    @property
    def text(self) -> str:
        """Return the file's text."""
        lines = [
            f"{_OWNER}{self.profile}",
            f"title {self.title}",
            f"version {self.version}",
            *([f"machine-id {self.machine}"] if self.machine else []),
            "sort-key kernix",
            *([f"options {self.options}"] if self.options else []),
            f"linux {self.linux}",
            *(f"initrd {it}" for it in self.initrd),
        ]
        return "".join(f"{line}\n" for line in lines)

    @property
    def id(self) -> str:
        """Return its name without `.conf`: profile, slot, and a digest of its text."""
        return f"kernix-{self.profile}-{self.slot}-{base32.encode(blake3(self.text.encode()).digest(length=DIGEST))}"

    def name(self, tries: int | None) -> str:
        """Return its file's name, with *tries* for boot counting."""
        return f"{self.id}.conf" if tries is None else f"{self.id}+{tries}.conf"


@attrs.frozen(kw_only=True)
class Entry:
    """An entry that is there.

    Attributes:
        name: Its file's name.
        id: Its name without `.conf` and the loader's counts.
        left: How many tries it has left; None if it is not counted, or is known to be good.
        done: How many tries have failed.
        profile: The profile that kernix made it from; None if others made it.
        title: What a menu shows.
        version: The kernel's release.
        machine: The id of the machine that it is for, empty if it does not say.
        options: The kernel's command line.
        linux: The kernel, None if it boots something else.
        initrd: The initramfs.
        made: When it was written, in seconds since the epoch.
    """

    name: str
    id: str
    left: int | None = None
    done: int = 0
    profile: str | None = None
    title: str = ""
    version: str = ""
    machine: str = ""
    options: str = ""
    linux: str | None = None
    initrd: tuple[str, ...] = ()
    made: float = 0.0

    @property
    def is_good(self) -> bool:
        """Return whether it is not, or no longer, on trial."""
        return self.left is None

    @property
    def is_bad(self) -> bool:
        """Return whether all of its tries have failed."""
        return self.left == 0

    @property
    def files(self) -> frozenset[str]:
        """Return the names of the files in the directory `kernix` that it needs.

        That is wherever the paths of the file system begin, which a run may know otherwise than the one before.
        """
        parts = [path.split("/") for path in (self.linux or "", *self.initrd)]
        return frozenset(it[-1] for it in parts if it[-2:-1] == [FILES])


def place_of(name: str) -> str:
    """Return the path of the entry in the file *name*, from the partition's directory."""
    return f"{PROGRAMS if name.endswith('.efi') else ENTRIES}/{name}"


def file_name(digest: bytes, kind: str) -> str:
    """Return the name of the file of *kind*, `linux` or `initrd`, whose content has the BLAKE3 *digest*."""
    return f"{base32.encode(digest[:20])}-{kind}"


def is_file_name(name: str) -> bool:
    """Return whether `file_name` gives names such as *name*."""
    return _FILE.fullmatch(name) is not None


def identify(name: str) -> tuple[str, int | None, int] | None:
    """Return the id, the tries left and the failed tries in the file *name* of an entry; None if it is another file."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return match["id"], None if match["left"] is None else int(match["left"]), int(match["done"] or 0)


def parse_entry(name: str, text: str, made: float = 0.0) -> Entry | None:
    """Return the entry in the file *name* with *text*, None if its name is not that of an entry."""
    if (found := identify(name)) is None:
        return None
    values: dict[str, list[str]] = {}
    profile = None
    for line in text.splitlines():
        if line.startswith(_OWNER):
            profile = line.removeprefix(_OWNER).strip()
        elif line.strip() and not line.startswith("#"):
            key, *value = line.split(maxsplit=1)
            values.setdefault(key, []).append(value[0].strip() if value else "")
    id, left, done = found  # noqa: A001 -- the specification's word
    return Entry(
        name=name,
        id=id,
        left=left,
        done=done,
        profile=profile,
        title=values.get("title", [""])[-1],
        version=values.get("version", [""])[-1],
        machine=values.get("machine-id", [""])[-1],
        options=" ".join(values.get("options", [])),
        linux=values.get("linux", [None])[-1],
        initrd=tuple(path for line in values.get("initrd", []) for path in line.split()),
        made=made,
    )


def check_command_line(text: str) -> str:
    """Return *text* if it can be a kernel's command line.

    Raises:
        InvalidCommandLine: it cannot.
    """
    if not text.isprintable():
        raise InvalidCommandLine(text, "it has a line break or another control character")
    if len(text) > _LONGEST:
        raise InvalidCommandLine(f"{text[:40]}…", f"it has more than {_LONGEST} characters")
    return text.strip()


def default_of(loader: str, entries: Iterable[Entry]) -> Entry | None:
    """Return the entry that the text *loader* of `loader.conf` makes the default; None if it names none of *entries*."""
    pattern = next(
        (words[1] for words in map(str.split, loader.splitlines()[::-1]) if words[:1] == ["default"] and words[1:]),
        None,
    )
    if pattern is None or pattern.startswith("@"):
        return None
    fitting = [
        it
        for it in entries
        if any(fnmatch.fnmatchcase(one, pattern) for one in (it.name, it.id, f"{it.id}.conf", f"{it.id}.efi"))
    ]
    return max(fitting, key=lambda it: it.made, default=None)


def with_default(loader: str, id: str) -> str:  # noqa: A002 -- the specification's word
    """Return the text *loader* of `loader.conf` with the entry *id* as its default, however a loader renames it."""
    lines = [line for line in loader.splitlines() if line.split()[:1] != ["default"]]
    return "".join(f"{line}\n" for line in [f"default {id}*", *lines])


def grub_snippet(entries: Sequence[Entry], default: str | None) -> str:
    """Return commands for GRUB: a menu of *entries*, of which *default* is the id of one.

    They find the partition by the kernel itself, so they work wherever `configfile` reads them from.
    """
    lines = ["# made by kernix, and replaced by each `kernix install`"]
    if default is not None:
        lines.append(f"set default={_quoted(default)}")
    for it in entries:
        if it.linux is None:
            continue
        lines += [
            f"menuentry {_quoted(it.title)} --id {_quoted(it.id)} {{",
            f"    search --no-floppy --set=root --file {_quoted(it.linux)}",
            f"    linux {' '.join(map(_quoted, [it.linux, *it.options.split()]))}",
            *([f"    initrd {' '.join(map(_quoted, it.initrd))}"] if it.initrd else []),
            "}",
        ]
    return "".join(f"{line}\n" for line in lines)


def _quoted(word: str) -> str:
    return word if _PLAIN.fullmatch(word) else "'" + word.replace("'", r"'\''") + "'"
