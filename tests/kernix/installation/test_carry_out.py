"""Killed at every step, or full at every step, a boot partition has what was bootable before."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.image.boot_entry import ENTRIES, LOADER, NewEntry, default_of, file_name
from derivations.image.boot_plan import BootPlan, Image, plan_boot
from kernix.installation.carry_out import BootPartitionBusy, BootPartitionFull, alone, carry_out
from kernix.installation.partition import BootPartitionUnusable, digest_of, read_state
from store.osutil import failpoints
from tests.store.crashing import killing


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


STEPS = {
    "install: remove stale", "install: directory", "install: write", "install: fsync", "install: sync", "install: rename",
    "install: remove entry", "install: remove file",
}  # fmt: skip
SIZE = 300_000
FIRST, SECOND, THIRD = "6.1.1", "6.1.2", "6.1.3"


@pytest.fixture
def memory() -> Iterator[Path]:
    """Return a directory in memory, if there is one: hundreds of runs need not wait for a disk."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared, prefix="kernix-") as directory:
        yield Path(directory)


@pytest.fixture
def sources(memory: Path) -> Path:
    """Return a directory with three kernels."""
    directory = memory / "sources"
    directory.mkdir()
    for version in (FIRST, SECOND, THIRD):
        (directory / version).write_bytes(version.encode() * (SIZE // len(version)))
    return directory


def plan(esp: Path, sources: Path, version: str, booted: frozenset[str] = frozenset()) -> BootPlan:
    """Return the plan to have the kernel *version* alone on *esp*."""
    source = sources / version
    image = Image(file_name(digest_of(source), "linux"), source.stat().st_size, str(source))
    entry = NewEntry(
        profile="system", slot=version.replace(".", "-"), title=version, version=version, options="ro",
        linux=f"/kernix/{image.name}",
    )  # fmt: skip
    found = read_state(esp, lambda _: booted)
    return plan_boot(found, "system", [entry], [image], default=None, reserve=0)


def prepare(esp: Path, sources: Path) -> None:
    """Leave on *esp* the default 6.1.2, an older entry, and a file of a killed run."""
    (esp / "EFI").mkdir(parents=True)
    for version in (FIRST, SECOND):
        carry_out(esp, plan(esp, sources, version))
    (esp / "kernix/.kernix-0").write_text("unfinished")


def install(esp: Path, sources: Path) -> None:
    """Install 6.1.3, and then once more, which removes what nobody needs any more."""
    carry_out(esp, plan(esp, sources, THIRD))
    carry_out(esp, plan(esp, sources, THIRD))


def bootable(esp: Path) -> set[str]:
    """Return the versions that the loader can boot, after checking that each it shows is whole, and the default one."""
    state = read_state(esp, lambda _: frozenset())
    for it in state.entries:
        assert it.linux is not None
        assert it.linux.removeprefix("/kernix/") in state.files, f"{it.name} has no whole kernel"
    assert default_of((esp / LOADER).read_text(), state.entries) is not None
    for path in re.findall(r"^    linux (\S+)", (esp / "kernix/grub.cfg").read_text(), re.MULTILINE):
        assert path.removeprefix("/kernix/") in state.files or not (esp / path[1:]).exists()
    return {it.version for it in state.entries}


def tree(esp: Path) -> dict[str, bytes]:
    """Return every file of *esp* with its content."""
    return {str(it.relative_to(esp)): it.read_bytes() for it in esp.rglob("*") if it.is_file()}


def test_killed_anywhere(memory: Path, sources: Path) -> None:
    """After SIGKILL at any step, all that is shown boots, and the default before too; a second run completes the work."""
    prepared = memory / "prepared"
    prepare(prepared, sources)
    reader, writer = os.pipe()
    number = 0
    while True:
        number += 1
        esp = memory / str(number)
        shutil.copytree(prepared, esp)
        child = os.fork()
        if child == 0:
            os.dup2(writer, 1)
            failpoints.install(killing(number))
            with contextlib.suppress(BaseException):
                install(esp, sources)
                os._exit(0)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert bootable(esp) >= ({SECOND} if os.WIFSIGNALED(status) and THIRD not in bootable(esp) else {THIRD})
        install(esp, sources)
        assert bootable(esp) == {THIRD}
        assert not list(esp.rglob(".kernix-*"))
        shutil.rmtree(esp)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            break
    os.close(writer)
    with os.fdopen(reader) as seen:
        assert {*seen.read().splitlines()} == STEPS


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a mounted file system of 2 MB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)], check=True)
    yield place
    subprocess.run(["/bin/umount", str(place)], check=True)


def filling(place: Path, number: int) -> Callable[[str], None]:
    """Return a hook that fills the file system of *place* at the *number*-th step of an installation."""
    left = iter(range(number - 1, -1, -1))

    def hook(name: str) -> None:
        if name.startswith("install: ") and next(left, None) == 0:
            with contextlib.suppress(OSError), (place / "filler").open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass

    return hook


@pytest.mark.root
def test_full_at_any_step(small: Path, sources: Path) -> None:
    """If another program fills the partition at any step, all is as before, or the new kernel is there."""
    failed = 0
    for number in range(1, 40):
        for it in [*small.iterdir()]:
            shutil.rmtree(it) if it.is_dir() else it.unlink()
        prepare(small, sources)
        before = {name: data for name, data in tree(small).items() if ".kernix-" not in name}
        new = plan(small, sources, THIRD)
        failpoints.install(filling(small, number))
        try:
            carry_out(small, new)
        except BootPartitionFull:
            failed += 1
            (small / "filler").unlink()
            assert tree(small) == before
        finally:
            failpoints.uninstall()
        (small / "filler").unlink(missing_ok=True)
        assert SECOND in bootable(small)
        assert not list(small.rglob(".kernix-*"))
        install(small, sources)
        assert bootable(small) == {THIRD}
    assert failed > 5


@pytest.mark.root
def test_a_partition_that_cannot_be_written(small: Path, sources: Path) -> None:
    """A file system that has become read-only is an error that names what was to be written."""
    prepare(small, sources)
    new = plan(small, sources, THIRD)
    subprocess.run(["/bin/mount", "-o", "remount,ro", str(small)], check=True)
    with pytest.raises(BootPartitionUnusable) as caught:
        carry_out(small, new)

    assert caught.value.reason == "read-only file system"
    assert bootable(small) == {FIRST, SECOND}


def test_a_torn_kernel_is_written_again(memory: Path, sources: Path) -> None:
    """A kernel whose content is not what its name says is replaced."""
    esp = memory / "esp"
    prepare(esp, sources)
    (kernel,) = (it for it in (esp / "kernix").iterdir() if it.read_bytes()[:5] == SECOND.encode())
    kernel.write_bytes(kernel.read_bytes()[:1000])
    carry_out(esp, plan(esp, sources, SECOND))

    assert kernel.stat().st_size == (sources / SECOND).stat().st_size


def test_one_at_a_time(tmp_path: Path) -> None:
    """Two runs never write to one partition."""
    with alone(tmp_path), pytest.raises(BootPartitionBusy), alone(tmp_path):
        pass


def test_names_of_entries_are_short_enough_for_fat(tmp_path: Path, sources: Path) -> None:
    """The longest profile and slot give a name that FAT can hold."""
    assert len(plan(tmp_path, sources, FIRST).entries) == 1
    longest = NewEntry(profile="p" * 100, slot="s" * 80, title="", version="", options="", linux="")
    assert len(longest.name(99)) + len(ENTRIES) < 255
