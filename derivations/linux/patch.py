"""Patches, and patched trees.

Only the files that patches change are written (`derivations.patching`). A build sees them and the untouched rest as one
tree (`derivations.realise.layered`); for whoever asks for the tree itself, hard links join them. So a patch costs only the
files it changes, not a copy of 78,500.
"""

from __future__ import annotations

import os

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from derivations.callers.relative_path import relative_to_caller
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
"""The default for the lines of context that may be ignored at either end of a hunk; the same as that of `patch`."""


class InvalidPatch(Error):
    """A patch is described incorrectly."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"patch {self.name!r}: {self.reason}"


@attrs.frozen(init=False)
class Patch:
    """A named change to the source, or a series of changes, and the options that it needs.

    Args:
        name: The name used in errors and in the order of the series.
        file: A file, relative to the calling file, or a derivation such as `fetch_url(...)`: a diff, a mail, or a mailbox
            of several, optionally compressed with gzip, bzip2, xz or zstd. A directory is a series, in the order of its
            file `series`, or else of all patches in it by name; a list is a series in its order.
        text: The patch itself, instead of *file*.
        extra_config: Options that the patch needs, as for `make_linux`; a patch may consist of options alone.
        strip: The number of leading directories to strip from the names in it: 1 for git's `a/` and `b/`.
        max_fuzz: The lines of context that may be ignored at either end of a hunk that does not fit otherwise. This is
            reported; 0 makes it an error.
        drop_applied: Whether to skip commits that the tree already contains, reporting each, instead of failing.

    Attributes:
        sources: The patch files and directories, in order.

    Raises:
        InvalidPatch: both *file* and *text* are given, or nothing is.
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
            raise InvalidPatch(name, "it has no file, no text and no options")
        sources: tuple[Output, ...] = ()
        if file is not None:
            found: list[Output] = []
            files = file if isinstance(file, list | tuple) else [file]
            for number, each in enumerate(files, 1):  # a comprehension would count as a caller of its own
                place = relative_to_caller(each) if isinstance(each, str | os.PathLike) else each
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
        raise InvalidPatch(patch, f"{file!r} is neither the name of a file nor a derivation")
    if file.is_dir():
        return local_source(file, name=f"{name}.patches").out
    return local_file(file, name=f"{name}.patch").out


def _check_name(name: object) -> None:
    reason = "its name is not a string"
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
        raise InvalidPatch(patch, f"{argument} must be a non-negative integer, not {value!r}")


def _text(name: str, text: object) -> Output:
    if not isinstance(text, str) or not text.strip():
        raise InvalidPatch(name, f"the text of a patch cannot be {text!r}")
    return text_file(f"{name}.patch", text).out


def patched(source: Output, patches: tuple[Patch, ...]) -> Output:
    """Return the tree *source* with *patches* applied in order."""
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
