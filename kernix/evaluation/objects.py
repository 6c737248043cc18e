"""Finding store objects by path, digest or attribute."""

from __future__ import annotations

import os
import re

from pathlib import Path
from typing import TYPE_CHECKING

from kernix.building import present
from kernix.evaluation.definitions import targets
from store import base32
from store.errors import Error, UsageError
from store.gc.roots import object_of
from store.local import NoSuchObject
from store.path import DIGEST_LENGTH, StorePath
from store.registration import ObjectMissing


if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernix.evaluation.inputs import Options
    from kernix.session import Session


_DIGEST = re.compile(f"[{base32.ALPHABET}]{{{DIGEST_LENGTH}}}")
_LONGEST_CHAIN = 40  # the kernel's limit


class NotBuilt(Error):
    """An attribute is used as an object, but has not been built."""

    attribute: str

    def __str__(self) -> str:
        return f"`{self.attribute}` has not been built, or its result has been deleted"

    @property
    def hint(self) -> str:
        """Name the command that builds it."""
        return f"`kernix build {self.attribute}` builds it"


class NotInStore(UsageError):
    """A path does not lead into the store."""


def find(session: Session, options: Options, texts: Sequence[str]) -> list[StorePath]:
    """Return the objects that *texts* name; attributes are evaluated as *options* say.

    Raises:
        NotInStore: a path leads elsewhere.
        NotBuilt: an attribute has not been built.
        ObjectMissing, NoSuchObject, AmbiguousPrefix: there is no such object, or there are several.
    """
    named = {text: path for text in texts if (path := by_path(session, text)) is not None}
    attributes = [text for text in texts if text not in named]
    wanted = targets(session, options, attributes) if attributes else []
    found = present(session, [target.output for target in wanted])
    for target in wanted:
        if target.output not in found:
            raise NotBuilt(target.attribute)
        named[target.attribute] = found[target.output]
    paths = [named[text] for text in texts]
    store = session.existing_store()
    if paths and store is None:
        raise ObjectMissing(paths[0])
    if store is not None:
        store.hold_all(paths, to_read=True)
    return paths


def by_path(session: Session, text: str) -> StorePath | None:
    """Return the object that *text* names by a path, or None if it looks like an attribute."""
    if os.sep in text or Path(text).is_symlink():
        place = _followed(Path(text), session.layout.objects)
        if (path := object_of(session.layout, str(place))) is None:
            message = f"{text} does not lead into the store {session.layout.objects}"
            raise NotInStore(message, None if Path(text).exists() else "it does not exist")
        return path
    if _DIGEST.fullmatch(text):
        if (store := session.existing_store()) is None:
            raise NoSuchObject(text)
        return store.find(text)
    return StorePath.parse(text) if _DIGEST.fullmatch(text.partition("-")[0]) else None


def _followed(place: Path, objects: Path) -> Path:
    """Follow the links at *place*; a link that is itself an object is not followed."""
    current = place.absolute()
    for _ in range(_LONGEST_CHAIN):
        if objects in current.parents or not current.is_symlink():
            break
        current = current.parent / current.readlink()
    return current
