"""Adopt what a builder left in /out: check it, make it canonical, find its references."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from derivations.realise.sandbox.run_builder import BuildFailed
from store.errors import Error
from store.path import StorePath
from store.registration import Entry
from store.trees.adopt import adopt
from store.trees.content import Content, InvalidTree
from store.trees.reading import sha256_of
from store.trees.references import find_references


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from derivations.derivation import Derivation
    from store.trees.pool import Pool


class WrongOutput(Error):
    """The output of a fixed-output derivation does not match its hash."""

    exit_code: ClassVar[int] = 102

    name: str
    method: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"hash mismatch in the output of {self.name}: wanted {self.method} {self.expected}, got {self.got}"


@attrs.frozen(kw_only=True)
class Outputs:
    """The outputs that a builder left.

    Attributes:
        derivation: What was built.
        directory: The directory that the builder saw as /out.
        content: The content of the only output, if the builder wrote it canonically and knows it.
        candidates: The paths that the outputs may refer to, by digest.
        pool: The pool in which equal files are shared.
        log: The builder's log, for errors.
    """

    derivation: Derivation
    directory: Path
    content: Content | None
    candidates: Mapping[str, StorePath]
    pool: Pool
    log: Path | None

    def take_in(self, keys: tuple[bytes, ...], deriver: StorePath | None) -> list[Entry]:
        """Make the outputs canonical, and return the entries to register as the results of *keys*.

        Raises:
            BuildFailed: an output is missing or undeclared, or contains something that no object may contain.
            WrongOutput: the output of a fixed-output derivation has another hash.
        """
        self._check_names()
        entries = []
        for name in self.derivation.outputs:
            place = self.directory / name
            content = self.content or self._adopt(place)
            self._check_fixed(place, content)
            found = find_references(place, self.candidates) if self.candidates else set()
            references = frozenset(self.candidates[digest] for digest in found)
            entries.append(
                Entry(
                    path=StorePath.make(content.digest, self._object_name(name), references),
                    place=place,
                    content=content,
                    references=references,
                    retention=self.derivation.hints.retention,
                    deriver=deriver,
                    realisations=tuple((key, name) for key in keys),
                )
            )
        return entries

    def _check_names(self) -> None:
        wanted = self.derivation.outputs
        left = sorted(it.name for it in self.directory.iterdir())
        for name in wanted:
            if name not in left:
                raise self._failure(f"it did not create the output {name!r} (/out/{name})")
        for name in left:
            if name not in wanted:
                raise self._failure(f"it created /out/{name}, which is not one of its outputs ({', '.join(wanted)})")

    def _adopt(self, place: Path) -> Content:
        try:
            return adopt(place, self.pool, self.directory.lstat().st_uid)
        except InvalidTree as error:
            inside = error.place.replace(str(self.directory), "/out", 1)
            raise self._failure(f"its output {inside} cannot be kept: {error.reason}") from None

    def _check_fixed(self, place: Path, content: Content) -> None:
        """Compare a builder's output with its fixed hash; builtins have already checked theirs."""
        fixed = self.derivation.fixed
        if fixed is None or self.derivation.is_builtin:
            return
        flat = fixed.method == "flat" and place.is_file()
        got = sha256_of(place) if flat else content.digest.hex()
        if got != fixed.digest:
            raise WrongOutput(self.derivation.name, fixed.method, fixed.digest, got)

    def _object_name(self, output: str) -> str:
        name = self.derivation.name
        return name if output == self.derivation.outputs[0] else f"{name}-{output}"

    def _failure(self, reason: str) -> BuildFailed:
        return BuildFailed(name=self.derivation.name, reason=reason, log=self.log)
