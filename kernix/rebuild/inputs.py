"""What differs in an input: options of a configuration, files of a tree, packages of a toolchain."""

from __future__ import annotations

import json
import re

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import attrs

from derivations.kconfig.language.text import split_line
from kernix.rebuild import patches
from kernix.rebuild.parts import Change, Kind, Part
from kernix.rebuild.recipe import differing
from store.trees.manifest import Difference


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from kernix.rebuild.known import Known


_TREES = frozenset({"builtin:fetch-deb", "builtin:fetch-git", "builtin:local", "builtin:unpack"})
_VERSION = re.compile(r"-(?=\d)")


def explain(title: str, old: Output, new: Output, known: Known) -> Part:
    """Return what differs from the input *old* to *new*; for an input of no known kind, a part without changes."""
    unknown = "" if known.are_same(old, new) is False else _why_unknown((old, new), known)
    for matches, read, (kind, by_definition) in _KINDS:
        if not (matches(old) and matches(new)):
            continue
        if read is not None and (found := read[1](old, new, known)) is not None:
            return Part(kind=read[0], title=title, changes=tuple(found), unknown=unknown)
        return Part(kind=kind, title=title, changes=tuple(by_definition(old, new, known)), unknown=unknown)
    return Part(kind=Kind.INPUT, title=title, unknown=unknown)


def one_sided(title: str, old: Output | None, new: Output | None) -> Part:
    """Return the part for an input that only one of two builds has."""
    was, is_ = (None if it is None else f"{it.derivation.name}!{it.name}" for it in (old, new))
    return Part(kind=Kind.INPUT, title=title, changes=(Change(title, was, is_),))


def is_root(output: Output) -> bool:
    """Return whether *output* is a root file system of packages."""
    return output.derivation.builder == "builtin:union" and any(
        it.derivation.builder == "builtin:fetch-deb" for it in output.derivation.inputs
    )


def _is_configuration(output: Output) -> bool:
    return output.derivation.builder == "builtin:check-config"


def _is_source(output: Output) -> bool:
    derivation = output.derivation
    return derivation.builder in _TREES or any(it.derivation.builder == "builtin:patch" for it in derivation.inputs)


def _options(old: Output, new: Output, known: Known) -> list[Change] | None:
    """Return the options that differ; None if a configuration is not known."""
    before, after = known.file(old), known.file(new)
    if before is None or after is None:
        return None
    was, is_ = _values(before), _values(after)
    names = [it for it in sorted(was.keys() | is_.keys()) if (was.get(it) or "n") != (is_.get(it) or "n")]
    found = [_with_origin(Change(it, was.get(it), is_.get(it)), old, new) for it in names]
    return found or [Change("comments of the file", "other", "other")]


def _requested(old: Output, new: Output, _: Known) -> Iterator[Change]:
    """Yield the requests that differ, for configurations that are not known."""
    for change in differing(*(_requests(it.derivation) for it in (old, new))):
        yield _with_origin(change, old, new)


def _with_origin(change: Change, old: Output, new: Output) -> Change:
    """Return *change* with the place of the request, if the option is requested."""
    was, is_ = (str(it.derivation.hints.origins.get(change.what, "")) for it in (old, new))
    because = (f"requested: {is_}",) if is_ else (f"no longer requested: {was}",) if was else ()
    return attrs.evolve(change, because=because)


def _requests(derivation: Derivation) -> dict[str, str]:
    """Return the value of each requested option."""
    lines: dict[str, str] = json.loads(derivation.env["requests"])
    return {name: dict([split_line(line) or (name, None)])[name] or "n" for name, line in lines.items()}


def _values(place: Path) -> dict[str, str]:
    """Return the value of each option in the `.config` at *place*."""
    lines = place.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    return {pair[0]: "n" if pair[1] is None else pair[1] for it in lines if (pair := split_line(it)) is not None}


def _stacks(old: Output, new: Output, known: Known) -> Iterator[Change]:
    """Yield the patches and sources that differ, for trees that are not known."""
    stacks = patches.stack(old, known), patches.stack(new, known)
    yield from patches.of_stacks(*stacks)
    was, is_ = (it.source for it in stacks)
    if not known.are_same(was, is_):
        yield Change("source", _origin(was), _origin(is_))


def _origin(source: Output) -> str:
    """Return what *source* is unpacked from, with its hash if it has one."""
    derivation = source.derivation
    while derivation.fixed is None and derivation.builder == "builtin:unpack":
        derivation = derivation.inputs[0].derivation
    return derivation.name if derivation.fixed is None else f"{derivation.name} ({derivation.fixed.digest[:12]})"


def _files(old: Output, new: Output, known: Known) -> list[Change] | None:
    """Return the files that differ, each with the patch or the source that brings it; None if a tree is not known."""
    before, after = known.manifest(old), known.manifest(new)
    if before is None or after is None:
        return None
    causes = patches.Causes(patches.stack(old, known), patches.stack(new, known), known)
    found = [
        Change(
            path,
            None if it is Difference.ADDED else "file",
            None if it is Difference.REMOVED else "file",
            causes.of(path),
        )
        for path, it in sorted(before.difference(after).items())
    ]
    return found or [Change("empty directories", "other", "other")]


def _packages(old: Output, new: Output, known: Known) -> Iterator[Change]:
    """Yield the packages that differ, and whatever else does in how they are joined."""
    before, after = (_versions(it.derivation) for it in (old, new))
    for name in sorted(before.keys() | after.keys()):
        (was, one), (is_, other) = before.get(name, (None, None)), after.get(name, (None, None))
        if one is None or other is None or not known.are_same(one, other):
            yield Change(name, was, is_, ("same version, other files",) if was == is_ else ())
    yield from differing(old.derivation.env, new.derivation.env)


def _versions(root: Derivation) -> dict[str, tuple[str | None, Output | None]]:
    """Return version and output of each package in *root*, by name."""
    parted = ((_parted(it.derivation), it) for it in root.inputs)
    return {name: (version, output) for (name, version), output in parted}


def _parted(package: Derivation) -> tuple[str, str]:
    """Return name and version of *package*: its file's name separates them better than the derivation's."""
    name = package.env.get("path", "").rpartition("/")[2].partition("_")[0]
    if name and package.name.startswith(f"{name}-"):
        return name, package.name[len(name) + 1 :]
    name, *version = _VERSION.split(package.name, maxsplit=1)
    return name, "".join(version)


def _why_unknown(outputs: tuple[Output, ...], known: Known) -> str:
    """Return why it is not known whether the content of *outputs* differs."""
    missing = dict.fromkeys(it.derivation.name for it in outputs if known.digest(it) is None)
    return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in the store"


_Reader: TypeAlias = Callable[["Output", "Output", "Known"], "list[Change] | None"]
_Definitions: TypeAlias = Callable[["Output", "Output", "Known"], Iterator[Change]]

_KINDS: tuple[tuple[Callable[[Output], bool], tuple[Kind, _Reader] | None, tuple[Kind, _Definitions]], ...] = (
    (_is_configuration, (Kind.OPTIONS, _options), (Kind.REQUESTS, _requested)),
    (is_root, None, (Kind.PACKAGES, _packages)),
    (_is_source, (Kind.FILES, _files), (Kind.PATCHES, _stacks)),
)
"""Kinds of inputs: which they are, how they are compared if both are in the store, and how by their definitions."""
