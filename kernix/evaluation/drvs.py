"""Writing derivations to the store, and reading them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations import drv
from derivations.realise.instantiate import instantiate
from kernix.evaluation.definitions import targets
from kernix.evaluation.objects import by_path
from kernix.session import NoStore
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.derivation import Derivation
    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.local import Store
    from store.path import StorePath


class NoDeriver(Error):
    """The store does not have the derivation of an object."""

    path: StorePath

    def __str__(self) -> str:
        return f"the store has no derivation that made {self.path}"

    @property
    def hint(self) -> str:
        """Say why an object may have no deriver."""
        return "it was added to the store, or its derivation has been deleted"


def find_drvs(session: Session, options: Options, texts: Sequence[str]) -> list[StorePath]:
    """Return the derivations that *texts* name: attributes, objects that were built, or derivations themselves.

    Raises:
        NoDeriver: an object was not built, or its derivation has been deleted.
        NoStore: there is no store.
        Error: a text names nothing.
    """
    if (store := session.existing_store()) is None:
        raise NoStore(session.home)
    named = {text: deriver(store, path) for text in texts if (path := by_path(session, text)) is not None}
    attributes = [text for text in texts if text not in named]
    wanted = targets(session, options, attributes) if attributes else []
    written = instantiate(store, [target.output.derivation for target in wanted])
    named.update((target.attribute, written[target.output.derivation]) for target in wanted)
    return [named[text] for text in texts]


def deriver(store: Store, path: StorePath) -> StorePath:
    """Return the derivation that made the object *path*, or *path* if it is one.

    Raises:
        ObjectMissing: there is no such object.
        NoDeriver: it was not built, or its derivation has been deleted.
    """
    info = store.info(path)
    if path.name.endswith(drv.SUFFIX):
        return path
    if info.deriver is None or not store.hold_if_possible([info.deriver]):
        raise NoDeriver(path)
    return info.deriver


def load(store: Store, path: StorePath) -> Derivation:
    """Return the derivation whose text is the object *path*.

    Raises:
        InvalidDrv: the text is damaged, or of a newer kernix.
        ObjectMissing: it, or one that it needs, does not exist.
    """
    known: dict[StorePath, Derivation] = {}
    texts: dict[StorePath, bytes] = {}
    stack = [path]
    while stack:
        current = stack[-1]
        if current not in texts:
            store.hold_all([current], to_read=True)
            texts[current] = store.path(current).read_bytes()
        if missing := [it for it in drv.inputs(texts[current]) if it not in known]:
            stack += missing
        else:
            known[stack.pop()] = drv.loads(texts[current], known.__getitem__)
    return known[path]
