"""A store in the test's own directory, and objects for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from store.gc.retention import Retention
from store.local import Store
from store.path import StorePath
from store.registration import Entry
from store.trees.adopt import adopt
from store.trees.pool import Pool


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Make(Protocol):
    """Registers an object: a directory with one file that contains *text* and the paths of *references*."""

    def __call__(  # noqa: D102  see the class
        self,
        name: str,
        text: str = "",
        *,
        references: Sequence[StorePath] = (),
        retention: Retention = Retention.RESULT,
        deriver: StorePath | None = None,
        realisations: Sequence[tuple[bytes, str]] = (),
    ) -> StorePath: ...


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    """Return an empty pool."""
    with Pool.open(tmp_path / "pool") as opened:
        yield opened


@pytest.fixture
def home(memory: Path) -> Path:
    """Return the store's home."""
    return memory / "home"


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """Return an empty store."""
    with Store.open(home) as opened:
        yield opened


@pytest.fixture
def make(store: Store) -> Make:
    """Return a function that registers an object in `store`."""

    def make(
        name: str,
        text: str = "",
        *,
        references: Sequence[StorePath] = (),
        retention: Retention = Retention.RESULT,
        deriver: StorePath | None = None,
        realisations: Sequence[tuple[bytes, str]] = (),
    ) -> StorePath:
        with store.scratch() as scratch:
            place = scratch / name
            place.mkdir()
            (place / "file").write_text("".join([text, *(f"\n{reference}" for reference in references)]))
            content = adopt(place, store.pool)
            path = StorePath.make(content.digest, name, references)
            entry = Entry(
                path=path,
                place=place,
                content=content,
                references=frozenset(references),
                retention=retention,
                deriver=deriver,
                realisations=tuple(realisations),
            )
            store.commit([entry])
        return path

    return make
