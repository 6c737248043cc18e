"""What differs in two recipes themselves: flags, environment, script, attributes."""

from __future__ import annotations

import difflib
import re

from typing import TYPE_CHECKING

from derivations.linux.script import SHELL
from kernix.rebuild.parts import Change, Kind, Part


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from derivations.derivation import Derivation


_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_NAMED = {"build": ("release", "image")}
"""What the first arguments of kernix' own scripts are (`derivations/linux/scripts/`)."""


def parts(old: Derivation, new: Derivation) -> list[Part]:
    """Return what differs from *old* to *new*, inputs aside."""
    found = [
        Part(kind=Kind.ATTRIBUTES, title="recipe", changes=tuple(_attributes(old, new))),
        Part(kind=Kind.SCRIPT, title="script", changes=tuple(_script(old, new))),
        Part(kind=Kind.FLAGS, title="flags", changes=tuple(_flags(old, new))),
        Part(kind=Kind.ENVIRONMENT, title="environment", changes=tuple(differing(old.env, new.env))),
    ]
    return [it for it in found if it.changes]


def same(old: Derivation, new: Derivation) -> list[str]:
    """Return the names of what both have and is the same."""
    found = {"script": not [*_script(old, new)], "flags": not [*_flags(old, new)], "environment": old.env == new.env}
    has = {"script": bool(new.args), "flags": bool(new.args), "environment": bool(new.env)}
    return [name for name, is_same in found.items() if is_same and has[name]]


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    """Yield the names whose values differ."""
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield Change(name, old.get(name), new.get(name))


def _attributes(old: Derivation, new: Derivation) -> Iterator[Change]:
    for name in ("name", "system", "builder", "outputs", "fixed"):
        before, after = (_text(getattr(it, name)) for it in (old, new))
        if before != after:
            yield Change("hash" if name == "fixed" else name, before, after)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return " ".join(value) if isinstance(value, tuple) else str(getattr(value, "digest", value))


def _parted(derivation: Derivation) -> tuple[str, str, tuple[str, ...]]:
    """Return the script of *derivation*, its name, and its arguments."""
    match derivation.args:
        case ("-c" | "-euc", script, *arguments) if derivation.builder == SHELL:
            return script, *([arguments[0], tuple(arguments[1:])] if arguments else ["", ()])  # type: ignore[return-value]
    return "", "", derivation.args


def _script(old: Derivation, new: Derivation) -> Iterator[Change]:
    before, after = (_parted(it)[0].splitlines() for it in (old, new))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag != "equal":
            yield Change(f"line {start + 1}", _lines(before[first:last]), _lines(after[start:end]))


def _lines(lines: Iterable[str]) -> str | None:
    return "\n".join(it.strip() for it in lines) or None


def _flags(old: Derivation, new: Derivation) -> Iterator[Change]:
    (_, name, before), (_, other, after) = _parted(old), _parted(new)
    names = _NAMED.get(name, ()) if name == other else ()
    (was, before_words), (is_, after_words) = _read(before, names), _read(after, names)
    yield from differing(was, is_)
    if before_words != after_words:
        matcher = difflib.SequenceMatcher(None, before_words, after_words, autojunk=False)
        for tag, first, last, start, end in matcher.get_opcodes():
            if tag != "equal":
                yield Change(
                    "argument", " ".join(before_words[first:last]) or None, " ".join(after_words[start:end]) or None
                )
    elif was == is_ and before != after:
        yield Change("order", " ".join(before), " ".join(after))


def _read(arguments: Sequence[str], names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the named values among *arguments*, and the other words; the first ones have *names*."""
    found = dict(zip(names, arguments, strict=False))
    words = []
    for each in arguments[len(names) :]:
        if (match := _ASSIGNMENT.fullmatch(each)) is None:
            words.append(each)
        else:
            found[match[1]] = f"{found[match[1]]} {match[2]}" if match[1] in found else match[2]
    return found, words
