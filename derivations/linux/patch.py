"""Patches, and the tree that they make of a source.

Only the files that patches name are copied and patched, in the sandbox; the patched tree is
then joined from these and the untouched rest by hard links. So a patch costs its own files,
not a copy of 78,500.
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import attrs

from derivations.beside import beside_caller
from derivations.derivation import Derivation, Hints, Output
from derivations.kconfig.fragment import Fragment, as_fragments
from derivations.linux.script import SHELL, script
from derivations.source import local_file, text_file
from derivations.union import union
from store.errors import Error
from store.path import InvalidStorePath, check_name
from store.retention import Retention


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.kconfig.fragment import Options
    from derivations.toolchain import Toolchain


class InvalidPatch(Error):
    """A patch is described wrongly."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"patch {self.name!r}: {self.reason}"


@attrs.frozen(init=False)
class Patch:
    """A named change to the source, and the options that it wants.

    Args:
        name: What it is called in errors and in the order of the series.
        file: A file beside the calling one, or a derivation such as `fetch_url(...)`; it may be
            compressed with gzip, bzip2, xz or zstd.
        text: The patch itself, instead of *file*.
        extra_config: Options that the patch wants, as `make_linux` takes them; with neither file nor text, all there is to it.

    Raises:
        InvalidPatch: both *file* and *text* are given, or nothing at all.
        NoSource: there is no such file.
    """

    name: str
    source: Output | None
    extra_config: tuple[Fragment, ...]

    def __init__(
        self,
        name: str,
        file: str | os.PathLike[str] | Derivation | Output | None = None,
        *,
        text: str | None = None,
        extra_config: Options | str | Fragment | Sequence[Options | str | Fragment] | None = None,
    ) -> None:
        _check_name(name)
        if file is not None and text is not None:
            raise InvalidPatch(name, "give the file or the text, not both")
        if file is None and text is None and not extra_config:
            raise InvalidPatch(name, "it has neither a file, a text, nor options")
        source: Output | None = None
        if isinstance(file, Derivation | Output):
            source = file.out if isinstance(file, Derivation) else file
        elif isinstance(file, str | os.PathLike):
            source = local_file(beside_caller(file), name=f"{name}.patch").out
        elif file is not None:
            raise InvalidPatch(name, f"{file!r} is neither a file's name nor a derivation")
        elif text is not None:
            source = _text(name, text)
        options = () if extra_config is None else as_fragments(extra_config, f"patch {name}")
        self.__attrs_init__(name, source, options)


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


def _text(name: str, text: object) -> Output:
    if not isinstance(text, str) or not text.strip():
        raise InvalidPatch(name, f"the text of a patch is not {text!r}")
    return text_file(f"{name}.patch", text).out


def patched(source: Output, patches: tuple[Patch, ...], toolchain: Toolchain) -> Output:
    """Return the tree *source* with *patches* applied in their order."""
    width = max(4, len(str(len(patches))))
    series = {f"/patches/{i:0{width}}-{it.name}": it.source for i, it in enumerate(patches, 1) if it.source}
    if not series:
        return source
    name = source.derivation.name
    changes = Derivation(
        name=f"{name}-changes",
        system=toolchain.system,
        builder=SHELL,
        args=script("patch"),
        mounts={"/": toolchain.root, "/src": source, **series},
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
