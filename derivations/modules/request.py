"""What is asked of a kernel's modules, and the words that this comes to.

Each of `modules` is one of these:

    virtio_net                 a module; `-` and `_` are the same
    virtio_*                   those whose names match
    drivers/nvme/, sound       those in a directory of the tree, at any depth; `kernel/` may be in front of it
    kernel/fs/fuse/fuse.ko     a file; compressed or not, it is the same
    kernel/fs/nls/*            those whose files match
    pci:v00001AF4d00001041…    those that have the alias of a device; fs-ext4 and crypto-xts(aes) are aliases, too
"""

from __future__ import annotations

import fnmatch

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

import attrs

from derivations.hardware.snapshot import FactKind, Snapshot
from derivations.modules import encryption
from derivations.modules.index import normal
from derivations.modules.modinfo import without_compression
from derivations.modules.rules import ALWAYS_THERE
from derivations.suggest import suggestion
from store.errors import Error


if TYPE_CHECKING:
    from derivations.modules.index import ModuleIndex


_KERNEL = "kernel/"
_WILDCARDS = frozenset("*?[")


class InvalidModuleRequest(Error):
    """A request for modules has an invalid value."""

    exit_code = 2

    argument: str
    reason: str

    def __str__(self) -> str:
        return f"invalid `{self.argument}`: {self.reason}"


class ModulesNotFound(Error):
    """A kernel has no module, alias or file system of some names."""

    release: str
    missing: tuple[tuple[str, str], ...]
    near: str | None

    def __str__(self) -> str:
        return f"Linux {self.release} has no {', no '.join(f'{what} {name!r}' for what, name in self.missing)}"

    @property
    def hint(self) -> str:
        """Suggest names with a similar spelling."""
        return self.near or "`kernix config search` finds the option that builds a module"


class Kind(StrEnum):
    """Why a module is in a closure."""

    NAMED = "named"
    GLOB = "glob"
    DIRECTORY = "directory"
    ALIAS = "alias"
    HARDWARE = "hardware"
    FILESYSTEM = "file system"
    ENCRYPTION = "encryption"
    DEPENDENCY = "dependency"
    SOFTDEP = "softdep"
    WEAKDEP = "weakdep"
    RULE = "rule"


@attrs.frozen
class Reason:
    """Why a module is in a closure: the kind, and of what, or of which module."""

    kind: Kind
    of: str = ""
    note: str = ""

    def __str__(self) -> str:
        match self.kind:
            case Kind.NAMED:
                return "named"
            case Kind.DEPENDENCY | Kind.SOFTDEP | Kind.WEAKDEP:
                return f"{'dep' if self.kind is Kind.DEPENDENCY else self.kind} of {self.of}"
            case Kind.RULE:
                return f"rule for {self.of}: {self.note}"
        return f"{self.kind} {self.of}"


@attrs.frozen
class Ask:
    """A name or an alias to look up, and why."""

    word: str
    reason: Reason


def _tuple(values: Any) -> tuple[str, ...]:  # noqa: ANN401 -- what the user wrote
    # What is not a list is left to the validator, which knows the argument's name.
    if isinstance(values, Iterable) and not isinstance(values, str):
        return tuple(values)
    return cast("tuple[str, ...]", values)


def _check(_: object, field: attrs.Attribute[Any], values: object) -> None:
    if not isinstance(values, tuple):
        raise InvalidModuleRequest(field.name, f"it must be a list of strings, not {values!r}")
    for value in values:
        if not isinstance(value, str) or not value.strip():
            raise InvalidModuleRequest(field.name, f"{value!r} is not a name")
        if not value.isprintable():
            raise InvalidModuleRequest(field.name, f"{value!r} has a character that no name has")


@attrs.frozen(kw_only=True)
class Request:
    """What is asked of a kernel's modules.

    Attributes:
        modules: Modules, globs, directories and aliases, see above, in the order in which they shall be loaded.
        filesystems: The types of file systems to mount, as in /proc/filesystems.
        encryption: Ciphers, or lines of device-mapper tables (`derivations.modules.encryption`).
        hardware: Machines that the modules are for.

    Raises:
        InvalidModuleRequest: a value is invalid.
        InvalidEncryption: one of *encryption* is neither a cipher nor a line of a table.
    """

    modules: tuple[str, ...] = attrs.field(default=(), converter=_tuple, validator=_check)
    filesystems: tuple[str, ...] = attrs.field(default=(), converter=_tuple, validator=_check)
    encryption: tuple[str, ...] = attrs.field(default=(), converter=_tuple, validator=_check)
    hardware: Snapshot | None = None

    def __attrs_post_init__(self) -> None:
        """Check each word by itself, before there is a kernel."""
        for path in self.modules:
            if "/" in path and ".." in path.split("/"):
                raise InvalidModuleRequest("modules", f"{path!r} leads out of the tree of modules")
        for text in self.encryption:
            encryption.needed(text)

    @property
    def firmware(self) -> tuple[str, ...]:
        """Return the firmware files that its machines have loaded."""
        facts = self.hardware.facts if self.hardware is not None else ()
        return tuple(it.name for it in facts if it.kind is FactKind.FIRMWARE)

    def to_json(self) -> dict[str, Any]:
        """Return the request as values of JSON."""
        values: dict[str, Any] = {name: list(getattr(self, name)) for name in ("modules", "filesystems", "encryption")}
        if self.hardware is not None:
            values["hardware"] = self.hardware.without_names().to_json().decode()
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Request:
        """Return the request that `to_json` returned as *values*."""
        hardware = values.get("hardware")
        known = {**values, "hardware": None if hardware is None else Snapshot.from_json(hardware)}
        return cls(**known)


def asks(request: Request, index: ModuleIndex) -> list[Ask]:
    """Return the words that *request* comes to for the kernel of *index*; each is of a module, or built in.

    Raises:
        ModulesNotFound: the kernel lacks some of them.
    """
    found = _Words(index)
    for word in request.modules:
        found.add_modules(word)
    for name in request.filesystems:
        if name not in ALWAYS_THERE:
            found.require(f"fs-{name}", Reason(Kind.FILESYSTEM, name), ("file system", name), index.filesystems())
    for text in request.encryption:
        found.add_encryption(text)
    if found.missing:
        raise ModulesNotFound(index.release, tuple(found.missing), next(filter(None, found.near), None))
    return [*found.asks, *_of_machines(request.hardware)]


@attrs.define
class _Words:
    """The words of a request, and what the kernel lacks: what it is, and its name."""

    index: ModuleIndex
    asks: list[Ask] = attrs.field(factory=list)
    missing: list[tuple[str, str]] = attrs.field(factory=list)
    near: list[str | None] = attrs.field(factory=list)

    def require(self, word: str, reason: Reason, what: tuple[str, str], known: Iterable[str] = ()) -> None:
        """Add *word* or, if nothing serves it, *what* is missing, with suggestions among those *known*."""
        if any(self.index.resolve(word)):
            self.asks.append(Ask(word, reason))
        else:
            self.missing.append(what)
            self.near.append(suggestion(what[1], known))

    def add_modules(self, word: str) -> None:
        """Add a name, an alias, or what a pattern or a directory contains."""
        found = expanded(word, self.index)
        if found is None and ":" in word:
            self.require(word, Reason(Kind.ALIAS, word), ("alias", word))
        elif found is None:
            known = (*self.index.paths, *self.index.builtin)
            self.require(word, Reason(Kind.NAMED, word), ("module", word), known)
        elif found:
            kind = Kind.GLOB if _WILDCARDS & {*word} else Kind.DIRECTORY
            file = without_compression(word).endswith(".ko")
            self.asks += [Ask(it, Reason(Kind.NAMED if file else kind, word)) for it in found]
        else:
            self.missing.append(("module in" if "/" in word else "module", word))
            self.near.append(suggestion(word.strip("/"), _directories(self.index)) if "/" in word else None)

    def add_encryption(self, text: str) -> None:
        """Add what the kernel asks for with a cipher or a line of a device-mapper table."""
        needed = encryption.needed(text)
        reason = Reason(Kind.ENCRYPTION, text)
        for word in needed.required:
            # Where built-in algorithms have no record, a word without a module is probably one of them.
            if self.index.knows_builtin_aliases or not word.startswith("crypto-"):
                self.require(word, reason, ("module for", word))
            else:
                self.asks.append(Ask(word, reason))
        self.asks += [Ask(it, reason) for it in needed.optional]


def _of_machines(hardware: Snapshot | None) -> list[Ask]:
    """Return the words of the machines' facts; a device without a driver and a module of another kernel are no error."""
    words = {FactKind.DEVICE: "{}", FactKind.MODULE: "{}", FactKind.FILESYSTEM: "fs-{}"}
    facts = hardware.facts if hardware is not None else ()
    return [Ask(words[it.kind].format(it.name), Reason(Kind.HARDWARE, str(it))) for it in facts if it.kind in words]


def expanded(word: str, index: ModuleIndex) -> list[str] | None:
    """Return the modules that *word* matches, those built in too; None if it is one name or alias."""
    if ":" in word:
        return None
    files = {name: without_compression(path) for name, path in (*index.builtin.items(), *index.paths.items())}
    if "/" in word:
        path = without_compression(word.lstrip("/"))
        wanted = {path, _KERNEL + path}
        if _WILDCARDS & {*path}:
            return [name for name, file in files.items() if any(fnmatch.fnmatchcase(file, it) for it in wanted)]
        starts = tuple(f"{it.rstrip('/')}/" for it in wanted)
        return [name for name, file in files.items() if file in wanted or file.startswith(starts)]
    if _WILDCARDS & {*word}:
        return [name for name in files if fnmatch.fnmatchcase(name, normal(word))]
    # A name wins over a directory at the top of the tree, such as `crypto`.
    start = f"{_KERNEL}{word}/"
    return None if any(index.resolve(word)) else [it for it, file in files.items() if file.startswith(start)] or None


def _directories(index: ModuleIndex) -> set[str]:
    return {
        place.removeprefix(start)
        for path in index.paths.values()
        for place in [path.rpartition("/")[0]]
        for start in ("", _KERNEL)
    }
