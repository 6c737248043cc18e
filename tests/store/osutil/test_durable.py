"""Small files written atomically."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from store.osutil.durable import write_whole


if TYPE_CHECKING:
    from pathlib import Path


def test_write(tmp_path: Path) -> None:
    """A file is written, with its parent directories, and nothing else is left."""
    place = tmp_path / "a" / "file"
    assert write_whole(place, "text")
    assert place.read_text() == "text"
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize(("replace", "text"), [(True, "new"), (False, "old")])
def test_existing_file(tmp_path: Path, *, replace: bool, text: str) -> None:
    """An existing file is only replaced if *replace* is set."""
    place = tmp_path / "file"
    place.write_text("old")
    assert write_whole(place, "new", replace=replace) is replace
    assert place.read_text() == text
    assert list(tmp_path.iterdir()) == [place]


def test_failure(tmp_path: Path) -> None:
    """A failure to write leaves the existing file."""
    place = tmp_path / "file"
    place.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(place, "new \ud800")
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]
