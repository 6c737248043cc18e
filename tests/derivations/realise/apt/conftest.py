"""Fixtures for tests of locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.derivations.realise.apt.small_archive import Archive


if TYPE_CHECKING:
    from pathlib import Path

    from tests.signing import Key


@pytest.fixture
def archive(plain_path: Path, archive_key: Key) -> Archive:
    """Return an archive without packages."""
    archive = Archive(plain_path / "mirror", archive_key)
    archive.offer()
    return archive


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a directory for apt's state, with a path that needs quoting in configuration files and shells."""
    return tmp_path / 'a "state" of $its own'
