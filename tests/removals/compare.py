"""What became of options between two kernel trees, as far as the trees show it: gone, or renamed for certain.

An option is renamed for certain if exactly one option that the older tree does not have agrees with it in two of three: the
prompt, the help, the objects that it builds. What is judged by less is left to `derivations/kconfig/symbols/renames.py`, which people write.
"""

from __future__ import annotations

import difflib
import posixpath
import re

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


_SKIPPED = ("Documentation/", "scripts/", "tools/", "usr/include/", "debian/")
_CONFIG = re.compile(r"(?:menu)?config\s+(\w+)\s*(?:#.*)?")
_END = re.compile(r"(?:if|endif|menu|endmenu|choice|endchoice|source|comment|mainmenu|config|menuconfig)\b.*")
_PROMPT = re.compile(r'(?:bool|tristate|int|hex|string|prompt)\s+"((?:[^"\\]|\\.)*)".*')
_HELP = re.compile(r"(?:---\s*)?help(?:\s*---)?")
_OBJECTS = re.compile(r"[\w.-]+-\$[({]CONFIG_(\w+)[)}]\s*[+:]?=\s*(.*)")
_ALIKE, _LONG, _ENOUGH = 0.85, 40, 2
_HEAD = re.compile(r"(?m)^# Linux/\w+ (\d+\.\d+\.\d+)\S* Kernel Configuration$")
_SET = re.compile(r"(?m)^(?:# )?CONFIG_(\w+)(?:=| is not set$)")


@attrs.define
class Option:
    """An option as one tree has it."""

    prompts: set[str] = attrs.field(factory=set)
    help: str = ""
    objects: set[str] = attrs.field(factory=set)


@attrs.frozen
class Tree:
    """The options of a tree, by name.

    Attributes:
        version: Such as `6.12.117`.
        options: What Kconfig's files define.
    """

    version: str
    options: Mapping[str, Option]


@attrs.frozen(order=True)
class Removal:
    """An option that is gone."""

    name: str
    last: str
    gone: str
    new: tuple[str, ...] = ()


def read_tree(directory: Path) -> Tree:
    """Return the tree in *directory*, of which nothing but Kconfig's files and makefiles is read."""
    files = {
        place: path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(directory.rglob("*"))
        if path.name.startswith(("Kconfig", "Makefile", "Kbuild")) and path.is_file()
        and not (place := path.relative_to(directory).as_posix()).startswith(_SKIPPED)
    }  # fmt: skip
    return tree(files)


@attrs.frozen
class Configuration:
    """The options that a whole `.config` names: some of those of a tree that cannot be had any more.

    Attributes:
        version: Such as `4.19.0`.
        names: The options.
    """

    version: str
    names: frozenset[str]


def configuration(text: str) -> Configuration:
    """Return the configuration *text*, the whole of a `.config` with its header."""
    found = _HEAD.search(text)
    if found is None:
        message = "no header of a .config names the version"
        raise ValueError(message)
    return Configuration(found[1], frozenset(_SET.findall(text)))


def before(configurations: Iterable[Configuration], first: Tree) -> list[Removal]:
    """Return the options of the *configurations*, oldest first, that *first*, the oldest tree, does not have, in order.

    That a configuration lacks an option says nothing: it may only be invisible there. So what counts is the last that has it.
    """
    last = {name: it.version for it in configurations for name in it.names}
    return [Removal(name, last[name], first.version) for name in sorted(last.keys() - first.options.keys())]


def tree(files: Mapping[str, str]) -> Tree:
    """Return the tree of *files*, texts by path."""
    options: dict[str, Option] = {}
    for place, text in files.items():
        if posixpath.basename(place).startswith("Kconfig"):
            _read_kconfig(text, options)
    for place, text in files.items():
        if not posixpath.basename(place).startswith("Kconfig"):
            for name, path in _built(text, posixpath.dirname(place)):
                if name in options:
                    options[name].objects.add(path)
    head = dict(re.findall(r"(?m)^(VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$", files["Makefile"]))
    version = ".".join(head[it] for it in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))
    return Tree(version, options)


def _read_kconfig(text: str, options: dict[str, Option]) -> None:
    current, helping, margin = None, False, 0
    for line in text.expandtabs().splitlines():
        words = line.strip()
        indent = len(line) - len(line.lstrip())
        if helping and words and current is not None:
            margin = margin or indent
            if indent >= margin and indent:
                current.help += f"{words} "
                continue
            helping = False
        if match := _CONFIG.fullmatch(words):
            current, helping = options.setdefault(match[1], Option()), False
        elif _HELP.fullmatch(words):
            helping, margin = True, 0
        elif _END.fullmatch(words) and not indent:
            current = None
        elif current is not None and (match := _PROMPT.fullmatch(words)):
            current.prompts.add(match[1])


def _built(text: str, directory: str) -> Iterable[tuple[str, str]]:
    """Yield each option of a makefile with each object, by its path, that it builds."""
    for line in text.replace("\\\n", " ").splitlines():
        if match := _OBJECTS.fullmatch(line.partition("#")[0].strip()):
            for word in match[2].split():
                if word.endswith(".o") and "$" not in word:
                    yield match[1], posixpath.normpath(posixpath.join(directory, word))


def removals(older: Tree, newer: Tree) -> list[Removal]:
    """Return the options of *older* that *newer* does not have, in order."""
    fresh = sorted(newer.options.keys() - older.options.keys())
    found = []
    for name in sorted(older.options.keys() - newer.options.keys()):
        heirs = tuple(it for it in fresh if _agreement(older.options[name], newer.options[it]) >= _ENOUGH)
        found.append(Removal(name, older.version, newer.version, heirs if len(heirs) == 1 else ()))
    # What two others may both have become is no matter of certainty.
    heirs_of = [it.new for it in found]
    return [attrs.evolve(it, new=()) if heirs_of.count(it.new) > 1 else it for it in found]


def _agreement(old: Option, new: Option) -> int:
    """Return in how many of three things two options agree."""
    prompts = bool(old.prompts & new.prompts)
    objects = {posixpath.basename(it) for it in old.objects} & {posixpath.basename(it) for it in new.objects}
    if not prompts and not objects:
        return 0
    both = min(len(old.help), len(new.help)) >= _LONG
    helps = both and difflib.SequenceMatcher(None, old.help, new.help, autojunk=False).ratio() >= _ALIKE
    return prompts + bool(objects) + helps
