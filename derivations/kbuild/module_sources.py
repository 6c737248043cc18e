"""What some modules of a kernel tree are compiled from, beside what the kernel's output `dev` has.

    names of directories and modules ──find──▶ Module: directory, name, options ──sources──▶ paths of files

A module needs its directory, and what files in there include from elsewhere. Search paths are not evaluated: every file
whose path ends as the include does is taken, so that too much is taken rather than too little.
"""

from __future__ import annotations

import difflib
import posixpath
import re

from typing import TYPE_CHECKING, Protocol

import attrs

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


_MAKEFILE = re.compile(r"(?:^|.*/)(?:Makefile|Kbuild)$")
_UNSEARCHED = re.compile(r"(?:Documentation|tools|scripts|samples|include|LICENSES)/")
_OBJECTS = re.compile(r"^[ \t]*obj-(\$[({]CONFIG_(\w+)[)}]|[\w$(){}-]+)[ \t]*[:+]?=([^#\n]*)", re.MULTILINE)
_PARTS = "^[ \t]*{}-(?:y|m|objs|objs-y|\\$[({{]CONFIG_\\w+[)}}])[ \t]*[:+]?=([^#\n]*)"
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)
_NAMED = re.compile(rb"\$[({]srctree[)}]/([\w./+-]+)|\.incbin[ \t]+\"([^\"]+)\"")
_CODE = (".c", ".h", ".S", ".inc", ".def", ".tbl", ".dts", ".dtsi", ".asn1", ".cpp")
_ELSEWHERE = re.compile(r"(?:Documentation|drivers|samples|tools/testing)/")


class Tree(Protocol):
    """A kernel tree; paths are relative to it."""

    def files(self) -> Iterator[str]:
        """Yield the paths of all files and links."""
        ...

    def read(self, path: str) -> bytes:
        """Return the contents of the file at *path*.

        Raises:
            FileNotFoundError: there is no file.
        """
        ...


class NoSuchModule(Error):
    """A tree has no module or directory of modules of a name."""

    name: str
    near: tuple[str, ...]

    def __str__(self) -> str:
        return f"the tree has neither a directory of modules nor a module {self.name}"

    @property
    def hint(self) -> str:
        """Suggest similar names."""
        if self.near:
            return f"did you mean {' or '.join(f'`{it}`' for it in self.near)}?"
        return "give the directory of its makefile, such as `drivers/net/wireguard`"


class SeveralModules(Error):
    """Several directories of a tree have a module of the same name."""

    name: str
    places: tuple[str, ...]

    def __str__(self) -> str:
        return f"several directories have a module {self.name}: {', '.join(self.places)}"

    @property
    def hint(self) -> str:
        """Name one of them in full."""
        return f"name one in full: `{self.places[0]}/{self.name}`"


@attrs.frozen
class Module:
    """Modules that are built together.

    Attributes:
        directory: The directory of their makefile.
        name: The name of the only one to build, as in the makefile; empty for all of the directory.
        options: What each module depends on: pairs of its name and an option without `CONFIG_`, `m` if it is always a
            module, or empty if that cannot be told.
    """

    directory: str
    name: str
    options: tuple[tuple[str, str], ...]


@attrs.frozen(eq=False)
class Files:
    """The files of a tree, found once.

    Attributes:
        tree: The tree.
        paths: All paths.
        by_name: The paths of code by their last component.
    """

    tree: Tree
    paths: frozenset[str]
    by_name: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, tree: Tree) -> Files:
        """Return the files of *tree*."""
        paths = frozenset(tree.files())
        by_name: dict[str, list[str]] = {}
        for path in paths:
            if path.endswith(_CODE):
                by_name.setdefault(posixpath.basename(path), []).append(path)
        return cls(tree, paths, {name: tuple(sorted(found)) for name, found in by_name.items()})

    def makefile(self, directory: str) -> str | None:
        """Return the makefile that Kbuild reads in *directory*."""
        return next((it for name in ("Kbuild", "Makefile") if (it := f"{directory}/{name}") in self.paths), None)

    def text(self, path: str) -> str:
        """Return the text of the makefile *path*, without continued lines."""
        return re.sub(r"\\\r?\n", " ", self.tree.read(path).decode(errors="replace"))


def find(files: Files, name: str) -> Module:
    """Return the modules that *name* means: a directory, a module, or a module in a directory.

    Raises:
        NoSuchModule: there is none.
        SeveralModules: there are several.
    """
    name = name.strip("/").removesuffix(".ko")
    if files.makefile(name) is not None:
        found = [it for path in sorted(_makefiles_below(files, name)) for it in _objects(files.text(path))]
        if found:
            return Module(name, "", tuple(found))
    directory, _, last = name.rpartition("/")
    if directory:
        makefiles = [it] if (it := files.makefile(directory)) is not None else []
    else:
        makefiles = sorted(it for it in files.paths if _MAKEFILE.match(it) and not _UNSEARCHED.match(it))
    modules: dict[str, list[tuple[str, str]]] = {}
    every: set[str] = set()
    for path in makefiles:
        if path not in {files.makefile(posixpath.dirname(path)), "Makefile"}:
            continue
        for module, option in _objects(files.text(path)):
            every.add(module)
            if _name(module) == _name(last):
                modules.setdefault(posixpath.dirname(path), []).append((module, option))
    if not modules:
        raise NoSuchModule(name, tuple(difflib.get_close_matches(last, sorted(every))))
    if len(modules) > 1:
        raise SeveralModules(last, tuple(sorted(modules)))
    ((place, options),) = modules.items()
    return Module(place, options[0][0], tuple(options))


def sources(files: Files, modules: Iterable[Module]) -> set[str]:
    """Return the paths of what *modules* are built from, without the headers and makefiles that `dev` has."""
    found: set[str] = set()
    for module in modules:
        found |= set(_own(files, module))
        above = posixpath.dirname(module.directory)
        while above:
            found |= {it} if (it := files.makefile(above)) else set()
            above = posixpath.dirname(above)
    pending = list(found)
    while pending:
        new = set(_read_by(files, pending.pop())) - found
        found |= new
        pending += new
    return found


def _own(files: Files, module: Module) -> Iterator[str]:
    """Yield the files that belong to *module*."""
    start = f"{module.directory}/"
    if not module.name:
        yield from (path for path in files.paths if path.startswith(start))
        return
    makefile = files.makefile(module.directory)
    assert makefile is not None  # noqa: S101 -- it was found by it
    yield makefile
    parts = _words(re.compile(_PARTS.format(re.escape(module.name)), re.MULTILINE).findall(files.text(makefile)))
    parts = parts or [f"{module.name}.o"]
    chosen = [_source(files, posixpath.normpath(start + it)) for it in parts if it.endswith(".o")]
    if any(it is None for it in chosen) or any("$" in it or not it.endswith(".o") for it in parts):
        yield from (path for path in files.paths if path.startswith(start))
    yield from (it for it in chosen if it is not None)


def _source(files: Files, product: str) -> str | None:
    base = product.removesuffix(".o")
    return next((it for end in (".c", ".S", ".rs", ".asn1") if (it := base + end) in files.paths), None)


def _read_by(files: Files, path: str) -> Iterator[str]:
    """Yield what the file *path* may include, or name in a makefile, unless `dev` has it."""
    if not (path.endswith(_CODE) or _MAKEFILE.match(path)):
        return
    try:
        data = files.tree.read(path)
    except FileNotFoundError:  # a link that leads nowhere
        return
    above = posixpath.dirname(path)
    for words in _NAMED.findall(data):
        named = posixpath.normpath(next(filter(None, words)).decode(errors="surrogateescape"))
        if named in files.paths and not _is_in_dev(named):
            yield named
    if _MAKEFILE.match(path):
        for word in _words(files.text(path).splitlines()):
            if word.startswith("../") and (source := _source(files, posixpath.normpath(f"{above}/{word}"))):
                yield source
        return
    for quote, name in _INCLUDE.findall(data):
        yield from _included(files, above, name.decode(errors="surrogateescape"), quoted=quote == b'"')


def _included(files: Files, above: str, name: str, *, quoted: bool) -> Iterator[str]:
    beside = posixpath.normpath(f"{above}/{name}")
    if quoted and beside in files.paths:
        found: tuple[str, ...] = (beside,)
    else:
        end = "/" + re.sub(r"^(?:\.\.?/)+", "", name)
        found = tuple(it for it in files.by_name.get(posixpath.basename(name), ()) if f"/{it}".endswith(end))
        if any(f"/{it}".endswith(f"/include{end}") or f"/{it}".endswith(f"/include/uapi{end}") for it in found):
            return
    yield from (it for it in found if not _is_in_dev(it))


def _is_in_dev(path: str) -> bool:
    """Return whether the output `dev` has the file *path* (`linux/scripts/build.sh`)."""
    return path.endswith((".h", ".lds")) and not _ELSEWHERE.match(path)


def _makefiles_below(files: Files, directory: str) -> set[str]:
    start = f"{directory}/"
    places = {posixpath.dirname(it) for it in files.paths if it.startswith(start) and _MAKEFILE.match(it)}
    return {it for place in places if (it := files.makefile(place)) is not None}


def _objects(text: str) -> Iterator[tuple[str, str]]:
    """Yield each module that a makefile's *text* names, and the option that it depends on."""
    for condition, option, words in _OBJECTS.findall(text):
        if condition != "y":
            for word in words.split():
                if word.endswith(".o"):
                    yield word.removesuffix(".o"), option or ("m" if condition == "m" else "")


def _words(lines: Iterable[str]) -> list[str]:
    return [word for line in lines for word in line.split()]


def _name(module: str) -> str:
    return module.replace("-", "_")
