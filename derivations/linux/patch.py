"""Patches, and the tree that they make of a source.

Only the files that patches change are made (`derivations.patching`); the patched tree is then joined from
these and the untouched rest by hard links. So a patch costs its own files, not a copy of 78,500.
"""

from __future__ import annotations

import os

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from derivations.callers.beside import beside_caller
from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.kconfig.language.fragment import Fragment, as_fragments
from derivations.source import local_file, local_source, text_file
from derivations.union import union
from store.errors import Error
from store.gc.retention import Retention
from store.path import InvalidStorePath, check_name


if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from derivations.kconfig.language.fragment import ExtraConfig

    Source: TypeAlias = str | os.PathLike[str] | Derivation | Output


MAX_FUZZ = 2
"""How many lines of context may be left out at either end of a hunk, by default; as many as for `patch`."""


class InvalidPatch(Error):
    """A patch is described wrongly."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"patch {self.name!r}: {self.reason}"


@attrs.frozen(init=False)
class Patch:
    """A named change to the source, or a series of them, and the options that it wants.

    Args:
        name: What it is called in errors and in the order of the series.
        file: A file beside the calling one, or a derivation such as `fetch_url(...)`; a diff, a mail, or a mailbox of
            several, which may be compressed with gzip, bzip2, xz or zstd. A directory is a series, as its file
            `series` says, or else of all patches in it by name; a list is a series in its order.
        text: The patch itself, instead of *file*.
        extra_config: Options that the patch wants, as `make_linux` takes them; with neither file nor text, all there is to it.
        strip: How many directories the names in it begin with that are not in the tree: 1 as git writes them (`a/`, `b/`).
        max_fuzz: How many lines of context may be left out at either end of a hunk that fits nowhere else. It is
            reported; 0 makes it an error.
        drop_applied: Whether commits that the tree has already are left out, each reported, and not an error.

    Attributes:
        sources: The patch files and directories, in their order.

    Raises:
        InvalidPatch: both *file* and *text* are given, or nothing at all.
        NoSource: there is no such file.
    """

    name: str
    sources: tuple[Output, ...]
    extra_config: tuple[Fragment, ...]
    strip: int
    max_fuzz: int
    drop_applied: bool

    def __init__(
        self,
        name: str,
        file: Source | Sequence[Source] | None = None,
        *,
        text: str | None = None,
        extra_config: ExtraConfig | None = None,
        strip: int = 1,
        max_fuzz: int = MAX_FUZZ,
        drop_applied: bool = False,
    ) -> None:
        _check_name(name)
        if file is not None and text is not None:
            raise InvalidPatch(name, "give the file or the text, not both")
        if file is None and text is None and not extra_config:
            raise InvalidPatch(name, "it has neither a file, a text, nor options")
        sources: tuple[Output, ...] = ()
        if file is not None:
            found: list[Output] = []
            files = file if isinstance(file, list | tuple) else [file]
            for number, each in enumerate(files, 1):  # a comprehension would be a caller of its own
                place = beside_caller(each) if isinstance(each, str | os.PathLike) else each
                found.append(_source(name, place, name if len(files) == 1 else f"{name}-{number}"))
            sources = tuple(found)
            if not sources:
                raise InvalidPatch(name, "its list of files is empty")
        elif text is not None:
            sources = (_text(name, text),)
        _check_count(name, "strip", strip)
        _check_count(name, "max_fuzz", max_fuzz)
        options = () if extra_config is None else as_fragments(extra_config, f"patch {name}")
        self.__attrs_init__(name, sources, options, strip, max_fuzz, bool(drop_applied))  # pyright: ignore[reportAttributeAccessIssue]


def _source(patch: str, file: Any, name: str) -> Output:  # noqa: ANN401 -- what the user wrote
    if isinstance(file, Derivation | Output):
        return file.out if isinstance(file, Derivation) else file
    if not isinstance(file, Path):
        raise InvalidPatch(patch, f"{file!r} is neither a file's name nor a derivation")
    if file.is_dir():
        return local_source(file, name=f"{name}.patches").out
    return local_file(file, name=f"{name}.patch").out


def _check_name(name: object) -> None:
    reason = "its name is no text"
    if isinstance(name, str):
        try:
            check_name(name)
            check_name(f"{name}.patch")
        except InvalidStorePath as error:
            reason = error.reason
        else:
            return
    raise InvalidPatch(str(name), reason)


def _check_count(patch: str, argument: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidPatch(patch, f"{argument} is a number of at least 0, not {value!r}")


def _text(name: str, text: object) -> Output:
    if not isinstance(text, str) or not text.strip():
        raise InvalidPatch(name, f"the text of a patch is not {text!r}")
    return text_file(f"{name}.patch", text).out


def patched(source: Output, patches: tuple[Patch, ...]) -> Output:
    """Return the tree *source* with *patches* applied in their order."""
    mounts: dict[str, Output] = {}
    series = []
    for number, patch in enumerate(patches, 1):
        places = {f"/patches/{number:05}.{part:05}": output for part, output in enumerate(patch.sources, 1)}
        mounts |= places
        rules = {
            "name": patch.name,
            "strip": patch.strip,
            "max_fuzz": patch.max_fuzz,
            "drop_applied": patch.drop_applied,
        }
        series.append({**rules, "places": sorted(places)})
    if not mounts:
        return source
    name = source.derivation.name
    changes = Derivation(
        name=f"{name}-changes",
        system=ANY_SYSTEM,
        builder="builtin:patch",
        env={"patches": canonical_json(series).decode()},
        mounts={"/src": source, **mounts},
        outputs=("out", "removed"),
        hints=Hints(description=f"patch {name}"),
    )
    return union(
        f"{name}-patched",
        [source, changes.out],
        conflicts="last",
        removed=changes.output("removed"),
        retention=Retention.SOURCE,
    ).out
