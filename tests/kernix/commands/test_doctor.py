"""`kernix doctor`: checks of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.realise.sandbox import probe
from kernix.machine.doctor_checks import CheckState, examine


if TYPE_CHECKING:
    import pytest

    from tests.kernix.conftest import CommandLine


def test_each_check_is_a_line(kernix: CommandLine) -> None:
    """Sandbox, apt, disk, file system and KVM are reported, the same ones as text and as JSON."""
    names = [it["name"] for it in kernix("doctor", "--json").json]
    ran = kernix("doctor")
    assert ["disk", "names", "symlinks", "hard links", "modes", "kvm"] == names[-6:]
    assert names == [line[4:].split("  ")[0] for line in ran.lines if line[0] != " "]


def test_nothing_is_made(kernix: CommandLine) -> None:
    """The checks create no store and leave nothing behind."""
    kernix("doctor")
    assert [] == [it.name for it in kernix.top.iterdir() if it.name not in {"home", "work"}]


def test_a_machine_without_bubblewrap(kernix: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing requirement is reported with what to install, and the exit code is 1."""
    monkeypatch.setattr(probe, "PLACES", "/nowhere")
    probe.bubblewrap.cache_clear()
    ran = kernix("doctor")
    probe.bubblewrap.cache_clear()
    assert (1, True) == (ran.code, ran.lines[0].startswith("no  bubblewrap  "))
    assert "`apt-get install bubblewrap`" in ran.out
    assert "error: this machine cannot build yet: bubblewrap\n" == ran.err


def test_where_nothing_can_be_written() -> None:
    """A home that cannot be written to is reported."""
    found = {it.name: it for it in examine(Path("/proc/kernix"))}
    assert CheckState.BROKEN is found["store"].state


def test_homes_that_cannot_become_stores(kernix: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared directory and a dangling link are reported among the other checks, although there is no store yet."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    (tmp_path / "dangling").symlink_to(tmp_path / "not-mounted")
    for name in ("shared", "dangling"):
        monkeypatch.setenv("KERNIX_HOME", str(tmp_path / name))
        ran = kernix("doctor")
        assert "error: this machine cannot build yet: store\n" == ran.err
        assert any(line.startswith("no  store ") for line in ran.lines)
        assert any(line[4:].startswith("kvm ") for line in ran.lines)


def test_a_home_that_does_not_exist_yet(tmp_path: Path) -> None:
    """A home that does not exist yet is checked where it would be created."""
    found = {it.name: it for it in examine(tmp_path / "a/b/c")}
    assert f"at {tmp_path}" in found["disk"].finding
