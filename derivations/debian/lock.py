"""The lock: the Debian packages that everything is built with, pinned by SHA-256.

    {
      "packages": {
        "<name>_<version>_<architecture>": {
          "archive": "debian-security", "path": "pool/...deb", "sha256": "<64 hex digits>", "size": 1234
        }
      },
      "sets": {"<set>": ["<package>", ...]},
      "suite": "bookworm",
      "version": 2
    }

JSON, indented, with sorted keys and lists, so that two locks can be compared line by line. It names no
hosts: `archive` is the common last part of the base URLs of all mirrors of one archive, and `path`
is relative to it. A set lists a package once; two sets may pin two versions of it. All packages of a
set are for one architecture, that of the machines that run them, or for `all`. `suite` is the Debian
release of the packages, if it is one release; a package without a valid signature has `"unsigned": true`.
Version 1 has neither. In version 3, sets may be called `NAME=VERSION`.

Every evaluation reads the lock, so this module imports nothing that is slow to load.
"""

from __future__ import annotations

import functools
import json
import re
import shlex

from typing import TYPE_CHECKING, Any

import attrs

from derivations.frozen_map import FrozenMap
from store.errors import Error
from store.parsing import parse_json


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


VERSION = 3

GONE_HINT = (
    "run `kernix lock --update` to pin the current packages, because mirrors drop a package when a newer one is released, "
    "or, to keep the old pins, add a mirror that keeps every version; if the update pins the same ones, the mirror's lists "
    "are out of date: choose another mirror in apt's sources"
)
"""The hint for a pinned package that no mirror has any more."""

_MAX_SHOWN = 5  # problems; more are not read in one sentence
_ANY = "all"

# Debian policy 5.6.1, 5.6.12: neither names nor versions have an underscore.
_IDENTITY = re.compile(r"([a-z0-9][a-z0-9+.-]+)_((?:[0-9]+:)?[0-9][A-Za-z0-9.+~-]*)_([a-z0-9-]+)", re.ASCII)
_SET = re.compile(r"[a-z0-9][a-z0-9+._-]*(?:=[0-9][A-Za-z0-9.:+~-]*)?", re.ASCII)
_ARCHIVE = re.compile(r"(?!\.)[A-Za-z0-9+._~-]+(?:/(?!\.)[A-Za-z0-9+._~-]+)*", re.ASCII)
_PATH = re.compile(r"(?:(?!\.)[A-Za-z0-9+._~:-]+/)*(?!\.)[A-Za-z0-9+._~:%-]+\.deb", re.ASCII)
_SUITE = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FIELDS = frozenset({"archive", "path", "sha256", "size"})
_OPTIONAL = frozenset({"unsigned"})
_TOP = frozenset({"packages", "sets", "suite", "version"})


class InvalidLock(Error):
    """A text, that of the file *place* if given, is not a valid lock; *problems* lists all that is wrong, and where."""

    problems: tuple[str, ...]
    place: str | None = None

    def __str__(self) -> str:
        shown = "; ".join(self.problems[:_MAX_SHOWN])
        more = len(self.problems) - _MAX_SHOWN
        file = f" {self.place}" if self.place is not None else ""
        return f"invalid lock{file}: {shown}" + (f"; and {more} more" if more > 0 else "")

    @property
    def hint(self) -> str:
        """Return how to get a valid one."""
        return "restore it from version control, or move it away and run `kernix lock`"


class LockTooNew(Error):
    """A lock, in the file *place* if given, was written by a newer kernix."""

    version: object
    place: str | None = None

    def __str__(self) -> str:
        file = f" {self.place}" if self.place is not None else ""
        return f"the lock{file} has version {self.version}, but this kernix supports only versions up to {VERSION}"

    @property
    def hint(self) -> str:
        """Return what to change."""
        return "use the kernix that wrote it, or a newer one"


class MissingSet(Error):
    """The lock, in the file *place* if that is not the default one, does not pin a set of packages."""

    name: str
    known: tuple[str, ...]
    place: str | None = None

    def __str__(self) -> str:
        return f"the lock has no package set {self.name!r}, only {', '.join(self.known) or 'nothing'}"

    @property
    def hint(self) -> str:
        """Return how to add it."""
        return f"`kernix lock{_option(self.place)} --add {self.name}` adds it and changes nothing else"


class MissingPackage(Error):
    """A set of the lock, in the file *place* if that is not the default one, lacks a package that something needs."""

    set_name: str
    package: str
    place: str | None = None

    def __str__(self) -> str:
        return f"the lock's package set {self.set_name!r} lacks {self.package!r}"

    @property
    def hint(self) -> str:
        """Return how to resolve the set again."""
        return f"resolve the set again: `kernix lock{_option(self.place)} --update {self.set_name}`"


@attrs.frozen(kw_only=True)
class Package:
    """A package at one version.

    Attributes:
        name: Its name.
        version: Its version, with the epoch if it has one.
        architecture: Debian's name of its architecture, or `all`.
        path: Its path below an archive's base URL.
        archive: The last part of the archive's base URL, the same for every mirror.
        size: The size of the file in bytes.
        sha256: The SHA-256 of the file in hexadecimal.
        unsigned: Whether it had no valid signature when it was pinned.
    """

    name: str
    version: str
    architecture: str
    path: str
    archive: str
    size: int
    sha256: str
    unsigned: bool = False

    @property
    def identity(self) -> str:
        """Return the package's name in the lock."""
        return f"{self.name}_{self.version}_{self.architecture}"


def _sorted_packages(packages: Iterable[Package]) -> tuple[Package, ...]:
    return tuple(sorted(set(packages), key=lambda package: package.identity))


def _sorted_sets(sets: Mapping[str, Iterable[str]]) -> FrozenMap[tuple[str, ...]]:
    return FrozenMap({name: tuple(sorted(members)) for name, members in sets.items()})


@attrs.frozen(kw_only=True, cache_hash=True)
class Lock:
    """Pinned packages and the sets they are used in.

    Attributes:
        packages: Every package of every set, in the order of their identities.
        sets: The identities of each set's packages.
        suite: The codename of the packages' Debian release; None if unknown.
        place: The file that it is in, if that is not the default one; not part of its contents.
    """

    packages: tuple[Package, ...] = attrs.field(converter=_sorted_packages)
    sets: FrozenMap[tuple[str, ...]] = attrs.field(converter=_sorted_sets)
    suite: str | None = None
    place: str | None = attrs.field(default=None, eq=False)
    _index: dict[str, Package] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_index", {package.identity: package for package in self.packages})
        if problems := tuple(_contradictions(self, self._index)):
            raise InvalidLock(problems)

    def set(self, name: str) -> tuple[Package, ...]:
        """Return the packages of the set called *name*.

        Raises:
            MissingSet: the lock has no such set.
        """
        try:
            return tuple(self._index[identity] for identity in self.sets[name])
        except KeyError:
            raise MissingSet(name, tuple(self.sets), self.place) from None

    def architecture(self, set_name: str) -> str:
        """Return Debian's name of the architecture of the packages in the set *set_name*; `all` for any.

        Raises:
            MissingSet: the lock has no such set.
        """
        return next((it.architecture for it in self.set(set_name) if it.architecture != _ANY), _ANY)

    def package(self, set_name: str, name: str) -> Package:
        """Return the package called *name* of the set *set_name*.

        Raises:
            MissingSet: the lock has no such set.
            MissingPackage: the set has no such package.
        """
        for package in self.set(set_name):
            if package.name == name:
                return package
        raise MissingPackage(set_name, name, self.place)

    def check(self, set_name: str, names: Iterable[str]) -> None:
        """Check that the set *set_name* has packages of all these *names*.

        Raises:
            MissingSet: the lock has no such set.
            MissingPackage: the set lacks one.
        """
        present = {package.name for package in self.set(set_name)}
        for name in names:
            if name not in present:
                raise MissingPackage(set_name, name, self.place)


def archive_of(base_url: str) -> str:
    """Return the name that identifies the archive at *base_url* on whatever mirror.

    That is the last component of the URL's path, ignoring a snapshot's timestamp and the suffix
    of a list of mirrors (`mirror+file:/etc/apt/mirrors/debian.list`).
    """
    parts = [part for part in base_url.partition(":")[2].split("/") if part not in {"", "."}]
    while len(parts) > 1 and re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", parts[-1]):
        parts.pop()
    return parts[-1].removesuffix(".list") if parts else ""


def dumps(lock: Lock) -> str:
    """Return the canonical text of *lock*."""
    document: dict[str, Any] = {
        "packages": {it.identity: _fields(it) for it in lock.packages},
        "sets": dict(lock.sets),
        "version": _version_for(lock),
    }
    if lock.suite:
        document["suite"] = lock.suite
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _version_for(lock: Lock) -> int:
    """Return the first version that has all that *lock* uses, so that it stays readable for an older kernix."""
    if any("=" in name for name in lock.sets):
        return 3
    return 2 if lock.suite or any(it.unsigned for it in lock.packages) else 1


def _fields(package: Package) -> dict[str, object]:
    mark = {"unsigned": True} if package.unsigned else {}
    return {"archive": package.archive, "path": package.path, "sha256": package.sha256, "size": package.size, **mark}


def parse(text: str) -> Lock:
    """Return the lock in *text*.

    Raises:
        LockTooNew: its version is newer than this kernix supports.
        InvalidLock: it is damaged.
    """
    problems: list[str] = []
    document = _document(text, problems)
    packages = _packages(document.get("packages"), problems)
    sets = _sets(document.get("sets"), problems)
    suite = document.get("suite")
    if suite is not None and not (isinstance(suite, str) and _SUITE.fullmatch(suite)):
        problems.append(f"suite: {_shown(suite)} is not a valid release name")
    problems += [f"{key}: unknown field" for key in document if key not in _TOP]
    if problems:
        raise InvalidLock(tuple(problems))
    return Lock(packages=packages, sets=sets, suite=suite)


def _document(text: str, problems: list[str]) -> dict[str, Any]:
    """Return the JSON object in *text*, of a supported version."""
    try:
        document = parse_json(text, make_object=functools.partial(_object, problems=problems))
    except ValueError as error:
        raise InvalidLock((f"not JSON: {str(error)[:1].lower()}{str(error)[1:]}",)) from None
    if not isinstance(document, dict):
        raise InvalidLock((f"expected an object, got {_shown(document)}",))
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise InvalidLock((f"version: {_shown(version)} is not a valid version",))
    if version > VERSION:
        raise LockTooNew(version)
    return document


def _object(pairs: list[tuple[str, Any]], problems: list[str]) -> dict[str, Any]:
    # Merging two branches may leave duplicates, of which JSON would silently take the last.
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        problems += [f"{name}: is listed twice" for name in found if names.count(name) > 1]
    return found


def _packages(value: object, problems: list[str]) -> list[Package]:
    if not isinstance(value, dict):
        problems.append(f"packages: expected an object, got {_shown(value)}")
        return []
    found = []
    for identity, fields in value.items():
        place = f"packages.{identity}"
        match = _IDENTITY.fullmatch(identity)
        if match is None:
            problems.append(f"{place}: not of the form name_version_architecture")
        elif not isinstance(fields, dict):
            problems.append(f"{place}: expected an object, got {_shown(fields)}")
        elif wrong := _wrong_fields(fields):
            problems += [f"{place}.{it}" for it in wrong]
        else:
            name, version, architecture = match.groups()
            found.append(Package(name=name, version=version, architecture=architecture, **fields))
    return found


def _wrong_fields(fields: dict[str, Any]) -> list[str]:
    """Return the problems with the *fields* of one package."""
    if fields.keys() - _OPTIONAL != _FIELDS:
        absent = [f"{key}: missing" for key in sorted(_FIELDS - fields.keys())]
        return absent + [f"{key}: unknown field" for key in sorted(fields.keys() - _FIELDS - _OPTIONAL)]
    patterns = (("archive", _ARCHIVE), ("path", _PATH), ("sha256", _SHA256))
    wrong = [
        f"{key}: {_shown(fields[key])}"
        for key, pattern in patterns
        if not isinstance(fields[key], str) or not pattern.fullmatch(fields[key])
    ]
    if type(fields["size"]) is not int or fields["size"] < 1:
        wrong.append(f"size: {_shown(fields['size'])}")
    if not isinstance(fields.get("unsigned", False), bool):
        wrong.append(f"unsigned: {_shown(fields['unsigned'])}")
    return wrong


def _sets(value: object, problems: list[str]) -> dict[str, list[str]]:
    if not isinstance(value, dict):
        problems.append(f"sets: expected an object, got {_shown(value)}")
        return {}
    for name, members in value.items():
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            problems.append(f"sets.{name}: expected a list of packages, got {_shown(members)}")
    return value


def _contradictions(lock: Lock, index: Mapping[str, Package]) -> list[str]:
    """Return the contradictions between the parts of *lock*."""
    found = [f"sets.{name}: not a valid set name" for name in lock.sets if not _SET.fullmatch(name)]
    if len(index) != len(lock.packages):
        found.append("packages: a package is pinned with two hashes")
    for name, members in lock.sets.items():
        found += [f"sets.{name}: {problem}" for problem in _wrong_members(members, index)]
    return found


def _wrong_members(members: tuple[str, ...], index: Mapping[str, Package]) -> list[str]:
    """Return the problems with the *members* of one set."""
    if not members:
        return ["it is empty"]
    if unknown := [member for member in members if member not in index]:
        return [f"{member} is not among the packages" for member in unknown]
    names = [index[member].name for member in members]
    architectures = {index[member].architecture for member in members} - {_ANY}
    if len(set(names)) < len(names):
        return [f"{name} is in it twice" for name in sorted(set(names)) if names.count(name) > 1]
    if len(architectures) > 1:
        return [f"its packages are for {' and '.join(sorted(architectures))}"]
    return []


def _option(place: str | None) -> str:
    return "" if place is None else f" --lock {shlex.quote(place)}"


def _shown(value: object) -> str:
    """Return *value* as JSON, shortened for a message."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 -- a line's worth
