"""What `depmod` and Kbuild write about the modules of one kernel, in `lib/modules/RELEASE`.

    modules.dep               kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/fs/mbcache.ko
    modules.alias             alias fs-ext4 ext4
    modules.symbols           alias symbol:jbd2_journal_start jbd2
    modules.softdep           softdep ext4 pre: crc32c post: …
    modules.weakdep           weakdep ext4 …                         (from kmod 33 on)
    modules.builtin           kernel/fs/fuse/fuse.ko
    modules.builtin.modinfo   fuse.alias=fs-fuse, each with a NUL after it

The dependencies of a module are those that it needs directly and indirectly, the last one first. Words of a softdep before the first
`pre:` or `post:` are ignored, as modprobe ignores them. Only `modules.dep` has to exist. Texts are parsed when they are needed.
"""

from __future__ import annotations

import functools
import re

from typing import TYPE_CHECKING, Final

import attrs

from derivations.modules.alias import AliasIndex
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Mapping


DEP = "modules.dep"
INDEX_FILES: Final = (
    DEP,
    "modules.alias",
    "modules.symbols",
    "modules.softdep",
    "modules.weakdep",
    "modules.builtin",
    "modules.builtin.modinfo",
)
"""The files that an index is made of."""

KEPT_FILES: Final = ("modules.order", "modules.builtin", "modules.builtin.modinfo")
"""The files that the build of a kernel writes; depmod makes all others."""

_SYMBOL = "symbol:"
_SOFT = re.compile(r"^(?:softdep|weakdep)[ \t]+(\S+)[ \t]+(.+)$", re.MULTILINE)
_BUILTIN = re.compile(r"([^.\0]+)\.(alias|firmware)=([^\0]*)\0")


class InvalidIndex(Error):
    """A file in `lib/modules/RELEASE` is not what depmod writes."""

    release: str
    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file} of Linux {self.release} is damaged: {self.reason}"

    @property
    def hint(self) -> str:
        """Say how to get another one."""
        return f"`depmod -b DIR {self.release}`, with the directory that contains lib/modules, writes a new one"


@attrs.frozen
class Soft:
    """The words that a module would like to have loaded before and after it."""

    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()


def module_name(path: str) -> str:
    """Return the name that the kernel has for the module in the file *path*."""
    return normal(path.rpartition("/")[2].partition(".")[0])


def normal(name: str) -> str:
    """Return a module's *name* as the kernel spells it: to modprobe, `-` and `_` are the same."""
    return name.replace("-", "_")


@attrs.frozen(eq=False, slots=False)
class ModuleIndex:
    """The modules of one kernel.

    Attributes:
        release: The kernel's release.
        paths: The file of each module, relative to `lib/modules/RELEASE`, by name.
    """

    release: str
    paths: Mapping[str, str]
    _needs: Mapping[str, str]
    _texts: Mapping[str, str]

    @classmethod
    def parse(cls, release: str, files: Mapping[str, bytes]) -> ModuleIndex:
        """Return the index of the kernel *release*, from the contents of `INDEX_FILES`, by name; those missing are empty.

        Raises:
            InvalidIndex: `modules.dep` is missing or damaged.
        """
        if DEP not in files:
            raise InvalidIndex(release, DEP, "it does not exist")
        texts = {name: data.decode("utf-8", "surrogateescape") for name, data in files.items()}
        lines = texts.pop(DEP).split("\n")
        if last := lines.pop():
            raise InvalidIndex(release, DEP, f"its last line is cut off: {last[:80]!r}")
        paths: dict[str, str] = {}
        needs: dict[str, str] = {}
        for number, line in enumerate(lines, start=1):
            path, colon, rest = line.partition(":")
            name = module_name(path)
            if not colon or not name or not _is_below(path):
                raise InvalidIndex(release, DEP, f"line {number} is not `FILE: FILES`: {line[:80]!r}")
            if name in paths:
                raise InvalidIndex(release, DEP, f"line {number} lists {name} again, as {path!r}")
            paths[name], needs[name] = path, rest
        return cls(release, paths, needs, texts)

    def needs(self, name: str) -> list[str]:
        """Return the modules that the module *name* cannot be loaded without, in the order in which to load them.

        Raises:
            InvalidIndex: one of them is not listed.
        """
        found = [module_name(path) for path in reversed(self._needs[name].split())]
        for needed in found:
            if needed not in self.paths:
                raise InvalidIndex(self.release, DEP, f"{name} needs {needed}, which it does not list")
        return found

    def soft(self, name: str) -> Soft:
        """Return the soft dependencies of the module *name*."""
        return self._soft.get(name, Soft())

    def weak(self, name: str) -> tuple[str, ...]:
        """Return the weak dependencies of the module *name*: what it may ask for when it runs."""
        return self._weak.get(name, ())

    def resolve(self, word: str) -> tuple[list[str], list[str]]:
        """Return the modules with the name or the alias *word*, and those that are built in."""
        if (name := normal(word)) in self.paths:
            return [name], []
        if name in self.builtin:
            return self._aliases.match(word), [name]
        aliases = self._symbols if word.startswith(_SYMBOL) else self._aliases
        known = [it for it in aliases.match(word) if it in self.paths]
        return known, self._builtin_aliases.match(word)

    @functools.cached_property
    def builtin(self) -> dict[str, str]:
        """Return the path that each built-in module would have as a file, by name."""
        return {module_name(it): it for it in self._text("modules.builtin").split("\n") if it}

    @property
    def knows_builtin_aliases(self) -> bool:
        """Return whether the aliases of what is built in are known; before Linux 5.2 no file has them."""
        return bool(self._text("modules.builtin.modinfo"))

    def builtin_firmware(self, name: str) -> tuple[str, ...]:
        """Return the firmware that the built-in module *name* may load."""
        return tuple(value for module, value in self._builtin_facts["firmware"] if module == name)

    def filesystems(self) -> list[str]:
        """Return the file systems that the kernel has or can load."""
        return sorted({*self._aliases.names("fs-"), *self._builtin_aliases.names("fs-")})

    @functools.cached_property
    def _aliases(self) -> AliasIndex:
        return AliasIndex(self._text("modules.alias"))

    @functools.cached_property
    def _symbols(self) -> AliasIndex:
        return AliasIndex(self._text("modules.symbols"))

    @functools.cached_property
    def _builtin_aliases(self) -> AliasIndex:
        return AliasIndex("".join(f"alias {alias} {name}\n" for name, alias in self._builtin_facts["alias"]))

    @functools.cached_property
    def _builtin_facts(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {"alias": [], "firmware": []}
        for name, key, value in _BUILTIN.findall(self._text("modules.builtin.modinfo")):
            found[key].append((normal(name), value))
        return found

    @functools.cached_property
    def _soft(self) -> dict[str, Soft]:
        found: dict[str, Soft] = {}
        for name, text in _SOFT.findall(self._text("modules.softdep")):
            more, old = soft_words(text), found.get(normal(name), Soft())
            found[normal(name)] = Soft((*old.pre, *more.pre), (*old.post, *more.post))
        return found

    @functools.cached_property
    def _weak(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, text in _SOFT.findall(self._text("modules.weakdep")):
            found[normal(name)] = (*found.get(normal(name), ()), *text.split())
        return found

    def _text(self, name: str) -> str:
        return self._texts.get(name, "")


def soft_words(text: str) -> Soft:
    """Return the words of a softdep after `pre:` and after `post:`; the others have no meaning."""
    found: dict[str, list[str]] = {"pre:": [], "post:": []}
    place: list[str] = []
    for word in text.split():
        if word in found:
            place = found[word]
        else:
            place.append(word)
    return Soft(tuple(found["pre:"]), tuple(found["post:"]))


def _is_below(path: str) -> bool:
    return all(part not in {"", ".", ".."} for part in path.split("/")) and "\0" not in path
