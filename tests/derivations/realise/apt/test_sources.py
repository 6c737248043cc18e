"""Tests for derivations.realise.apt.sources; unsigned archives are tested in test_lock.py."""

from __future__ import annotations

import shutil

from typing import TYPE_CHECKING

import pytest

from derivations.realise.apt.run import Apt
from derivations.realise.apt.sources import machine_sources


if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="a lock is made by apt")


def test_both_forms_of_sources_are_read(tmp_path: Path) -> None:
    """Files of lines and of stanzas are read, in the order of their names; other files are ignored."""
    parts = tmp_path / "parts"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://first.test/debian x main\n")
    (parts / "b.list").write_text("deb http://b.test/debian x main\n")
    (parts / "a.sources").write_text("Types: deb\nURIs: http://a.test/debian\nSuites: x y\nComponents: main\n")
    (parts / "c.list.save").write_text("deb http://c.test/debian x main\n")
    options = (f"Dir::Etc::sourcelist={tmp_path}/sources.list", f"Dir::Etc::sourceparts={parts}")
    assert ["first.test/debian x", "a.test/debian x", "a.test/debian y", "b.test/debian x"] == [
        str(it).removeprefix("http://") for it in machine_sources(Apt(work=tmp_path, native="amd64", options=options))
    ]


def test_a_disc_is_left_out(tmp_path: Path) -> None:
    """A disc is left out, with a warning."""
    (tmp_path / "sources.list").write_text("deb cdrom:[Debian 12 DVD 1]/ bookworm main\n")
    options = (f"Dir::Etc::sourcelist={tmp_path}/sources.list", "Dir::Etc::sourceparts=-")
    said: list[str] = []
    assert machine_sources(Apt(work=tmp_path, native="amd64", options=options), said.append) == []
    assert ["ignoring cdrom:[Debian 12 DVD 1] bookworm: kernix cannot read packages from discs"] == said
