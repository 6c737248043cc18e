"""What a kept tree must know of the source that it was built from, which may be gone by the next build."""

from __future__ import annotations

import json
import re

from typing import TYPE_CHECKING, Protocol

import attrs

from blake3 import blake3

from derivations.kbuild import refusals
from store.trees.content import Kind


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from derivations.kbuild.index import Index
    from store.trees.manifest import Manifest


_NAMED = re.compile(rb"\bCONFIG_(\w+)")


class Source(Protocol):
    """The source of a build."""

    @property
    def manifest(self) -> Manifest:
        """Return its manifest."""
        ...

    def read(self, path: str) -> bytes:
        """Return the contents of the file *path*, or the target of that link.

        Raises:
            OSError: there is none.
        """
        ...


@attrs.frozen(kw_only=True)
class Facts:
    """What is known of a source.

    Attributes:
        makefile: The digest of the top Makefile without its version, in hexadecimal.
        ruling: The options that the makefiles name which rule everything.
        links: The symbolic links, with their targets.
        searching: Those files which a product read in which `__has_include` is written.
        including: Those which include bytes that no list of files names (`.incbin`).
        seen: The files that were looked at for the last two.
    """

    makefile: str
    ruling: frozenset[str]
    links: dict[str, str]
    searching: frozenset[str]
    including: frozenset[str]
    seen: frozenset[str]

    @classmethod
    def of(
        cls,
        source: Source,
        srcarch: str,
        index: Index,
        before: Facts | None = None,
        differing: frozenset[str] | None = None,
    ) -> Facts:
        """Return the facts of *source*; what does not differ from that of the facts *before* is taken from those."""
        named = {name for command in index for name in command.files if not name.startswith(("/", "O:"))}
        known, searching, including = frozenset[str](), set[str](), set[str]()
        if before is not None and differing is not None:
            known = before.seen - differing
            searching, including = set(before.searching - differing), set(before.including - differing)
        for name in named - known:
            data = _read(source, name) or b""
            if b"__has_include" in data:
                searching.add(name)
            if b"incbin" in data:
                including.add(name)
        same = before if differing == frozenset() else None
        return cls(
            makefile=same.makefile if same else makefile_digest(source),
            ruling=same.ruling if same else frozenset(ruling_options(source, rule_files(source.manifest, srcarch))),
            links=same.links if same else dict(links_of(source)),
            searching=frozenset(searching),
            including=frozenset(including),
            seen=frozenset(named | known),
        )

    def encode(self) -> bytes:
        """Return the bytes to keep."""
        facts = attrs.asdict(self, value_serializer=lambda _, __, it: sorted(it) if isinstance(it, frozenset) else it)
        return json.dumps(facts, sort_keys=True).encode()

    @classmethod
    def decode(cls, data: bytes) -> Facts:
        """Return the facts that *data* holds.

        Raises:
            ValueError: it holds none.
        """
        try:
            facts = json.loads(data)
            sets = {name: frozenset(facts[name]) for name in ("ruling", "searching", "including", "seen")}
            return cls(makefile=facts["makefile"], links=dict(facts["links"]), **sets)
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from None


def makefile_digest(source: Source) -> str:
    """Return the digest of the top Makefile without the lines of its version."""
    return blake3(refusals.without_version(source.read("Makefile"))).hexdigest()


def ruling_options(source: Source, paths: Iterable[str]) -> set[str]:
    """Return the options that the makefiles *paths* name."""
    return {it.decode() for path in paths for it in _NAMED.findall(_read(source, path) or b"")}


def rule_files(manifest: Manifest, srcarch: str) -> list[str]:
    """Return the makefiles of the source with *manifest* that rule everything."""
    return [path for path in _below(manifest, "", srcarch) if refusals.is_rule(path, srcarch)]


def links_of(source: Source) -> Iterator[tuple[str, str]]:
    """Yield the symbolic links of *source*, with their targets."""
    for path, kind, _ in source.manifest.paths():
        if kind is Kind.SYMLINK and not refusals.is_harmless(path):
            yield path, source.read(path).decode(errors="surrogateescape")


def _below(manifest: Manifest, place: str, srcarch: str) -> Iterator[str]:
    """Yield the files in *place* and, where makefiles may rule everything, below it."""
    for name in manifest.names(place) or ():
        path = f"{place}/{name}" if place else name
        if (manifest.entry(path) or (None,))[0] is not Kind.DIRECTORY:
            yield path
        elif path in {"scripts", "include", "arch"} or path.startswith(("scripts/", "include/", f"arch/{srcarch}")):
            yield from _below(manifest, path, srcarch)


def _read(source: Source, path: str) -> bytes | None:
    try:
        return source.read(path)
    except OSError:
        return None
