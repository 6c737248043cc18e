"""What an initramfs consists of: entries, and how they are described to `builtin:initramfs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import attrs

from derivations.derivation import Derivation, InvalidDerivation, Output, canonical_json


_MODES = 0o7777  # what chmod(2) can set


@attrs.frozen
class Directory:
    """A directory, empty except for the entries below it."""

    kind: ClassVar[str] = "directory"

    mode: int = 0o755


@attrs.frozen
class File:
    """A file with the contents *text*."""

    kind: ClassVar[str] = "file"

    text: str
    mode: int = 0o644


@attrs.frozen
class Link:
    """A symbolic link to *target*."""

    kind: ClassVar[str] = "link"

    target: str


@attrs.frozen
class Device:
    """A device node: `c` or `b`, its major and minor number."""

    kind: ClassVar[str] = "device"

    type: Literal["b", "c"]
    major: int
    minor: int
    mode: int = 0o600


@attrs.frozen
class Copy:
    """A copy of *path* in another derivation's output, or of all of it: a file, a link or a whole tree.

    `bin/x` and `usr/bin/x` are the same path, in packages from before and after Debian's merge of `/usr`.
    Files are 0644 or, if executable, 0755; *mode* overrides that for a single file.
    """

    kind: ClassVar[str] = "copy"

    source: Derivation | Output
    path: str = ""
    mode: int | None = None

    @property
    def output(self) -> Output:
        """Return the output to copy from."""
        return self.source.out if isinstance(self.source, Derivation) else self.source


@attrs.frozen
class Loaded:
    """The program *path* of another derivation's output, a root file system, with everything that it loads from there.

    That is its dynamic loader, its libraries with theirs, and what all these open when they run: see
    `derivations.image.opened`. They have the places in the image that they have there.
    """

    kind: ClassVar[str] = "loaded"

    source: Derivation | Output
    path: str
    mode: int = 0o755

    @property
    def output(self) -> Output:
        """Return the output with the program."""
        return self.source.out if isinstance(self.source, Derivation) else self.source


@attrs.frozen
class Joined:
    """A file made of all files in *directory* of another derivation's output that match *pattern*, in the order of their names.

    Early microcode is of this form: one file with what the vendor ships as many.
    """

    kind: ClassVar[str] = "joined"

    source: Derivation | Output
    directory: str
    pattern: str = "*"
    mode: int = 0o644

    @property
    def output(self) -> Output:
        """Return the output that has the files."""
        return self.source.out if isinstance(self.source, Derivation) else self.source


Entry = Directory | File | Link | Device | Copy | Loaded | Joined


@attrs.frozen
class Described:
    """Entries as the builder reads them: JSON, and the inputs that they are copied from, by mount point."""

    text: str
    mounts: Mapping[str, Output]


def described(name: str, entries: Mapping[str, Entry], below: str = "") -> Described:
    """Return *entries* of the initramfs *name*, path to entry, as the builder reads them; inputs are mounted *below* a directory.

    Raises:
        InvalidDerivation: a path or a mode is invalid.
    """
    if not isinstance(entries, Mapping):
        raise InvalidDerivation(name, (f"its entries must be a mapping of paths, not {entries!r}",))
    if problems := tuple(_problems(entries)):
        raise InvalidDerivation(name, problems)
    copies = (entry for _, entry in sorted(entries.items()) if isinstance(entry, Copy | Joined | Loaded))
    outputs = list(dict.fromkeys(entry.output for entry in copies))
    places = {output: f"{below}/{index:04}" for index, output in enumerate(outputs)}
    text = canonical_json({path: _describe(entry, places) for path, entry in entries.items()}).decode()
    return Described(text, {place: output for output, place in places.items()})


def _describe(entry: Entry, places: Mapping[Output, str]) -> dict[str, object]:
    if isinstance(entry, Copy):
        facts: dict[str, object] = {"from": places[entry.output], "path": entry.path}
        return {"kind": entry.kind, **facts, **({} if entry.mode is None else {"mode": entry.mode})}
    if isinstance(entry, Loaded):
        return {"kind": entry.kind, "from": places[entry.output], "path": entry.path, "mode": entry.mode}
    if isinstance(entry, Joined):
        found = {"from": places[entry.output], "path": entry.directory, "pattern": entry.pattern}
        return {"kind": entry.kind, **found, "mode": entry.mode}
    return {"kind": entry.kind, **attrs.asdict(entry)}


def _problems(entries: Mapping[str, Entry]) -> list[str]:
    kinds = (Copy, Device, Directory, File, Joined, Link, Loaded)
    given: list[tuple[object, object]] = [*entries.items()]
    if wrong := [f"{path}: not an entry: {entry!r}" for path, entry in given if not isinstance(entry, kinds)]:
        return wrong
    found = [f"not a path in an initramfs: {path!r}" for path in entries if not _is_path(path)]
    found += [
        f"{path}: not in another tree: {entry.path!r}"
        for path, entry in entries.items()
        if isinstance(entry, Copy | Loaded) and (entry.path or isinstance(entry, Loaded)) and not _is_path(entry.path)
    ]
    found += [
        f"{path}: not in another tree: {entry.directory!r}"
        for path, entry in entries.items()
        if isinstance(entry, Joined) and not _is_path(entry.directory)
    ]
    for path, entry in entries.items():
        mode = None if isinstance(entry, Link) else entry.mode
        if mode is not None and mode & ~_MODES:
            found.append(f"{path}: not a mode: {mode:#o}")
    return found


def _is_path(path: object) -> bool:
    return isinstance(path, str) and "\0" not in path and all(part not in {"", ".", ".."} for part in path.split("/"))
