"""Tests for derivations.realise.apt.sources; what becomes of unsigned archives is in test_apt.py."""

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
    """Lines and stanzas in the directory of sources count, in the order of their names; other files do not."""
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


def test_a_disc_is_none(tmp_path: Path) -> None:
    """A disc is left out, and that is told."""
    (tmp_path / "sources.list").write_text("deb cdrom:[Debian 12 DVD 1]/ bookworm main\n")
    options = (f"Dir::Etc::sourcelist={tmp_path}/sources.list", "Dir::Etc::sourceparts=-")
    said: list[str] = []
    assert machine_sources(Apt(work=tmp_path, native="amd64", options=options), said.append) == []
    assert ["ignoring cdrom:[Debian 12 DVD 1] bookworm: kernix cannot read packages from discs"] == said
