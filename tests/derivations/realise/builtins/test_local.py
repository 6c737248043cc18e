"""Tests for derivations.realise.builtins.local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.realise.builtins.local import Changed, Unreadable
from derivations.source import local_file, local_source, text_file
from tests.derivations.realise.builtins.conftest import Runner, listing


if TYPE_CHECKING:
    from pathlib import Path


def test_a_directory_is_copied(run: Runner, tmp_path: Path) -> None:
    """A directory is copied with files, links and executable bits, and stays unchanged."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/script").write_text("#!")
    (source / "sub/script").chmod(0o700)
    (source / "link").symlink_to("sub/script")
    out = run(local_source(source))
    assert listing(out) == {"link": "-> sub/script", "sub/script": "#!"}
    assert (
        (out / "sub/script").stat().st_mode & 0o777,
        (source / "sub/script").stat().st_mode & 0o777,
    ) == (0o555, 0o700)


def test_a_file_is_copied(run: Runner, tmp_path: Path) -> None:
    """A file is copied."""
    (tmp_path / "x").write_text("1")
    assert run(local_file(tmp_path / "x")).read_text() == "1"


def test_a_source_edited_meanwhile_is_refused(run: Runner, tmp_path: Path) -> None:
    """A source that has changed since the evaluation is refused."""
    (tmp_path / "x").write_text("1")
    derivation = local_file(tmp_path / "x")
    (tmp_path / "x").write_text("2")
    with pytest.raises(Changed) as caught:
        run(derivation)
    assert f"{tmp_path / 'x'} has changed since it was read" == str(caught.value)
    assert "run the command again" in caught.value.hint


def test_a_missing_source_is_reported(run: Runner, tmp_path: Path) -> None:
    """A source that no longer exists is one clear error."""
    (tmp_path / "x").touch()
    derivation = local_file(tmp_path / "x")
    (tmp_path / "x").unlink()
    with pytest.raises(Unreadable, match="it no longer exists"):
        run(derivation)


@pytest.mark.parametrize("executable", [False, True])
def test_a_text_is_written(run: Runner, executable: bool) -> None:
    """A text becomes a file, executable if requested."""
    out = run(text_file("x", "grüße\n", executable=executable))
    assert ("grüße\n", executable) == (out.read_text(encoding="utf-8"), bool(out.stat().st_mode & 0o100))
