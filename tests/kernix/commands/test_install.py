"""`kernix install`: kernels on a boot partition, in one command."""

from __future__ import annotations

import subprocess

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store.osutil import failpoints
from tests.kernix.installation.test_carry_out import filling
from tests.kernix.profile_kernels import KERNELS


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernix.conftest import CommandLine, Ran


@pytest.fixture
def esp(kernix: CommandLine) -> Path:
    """Return a directory that looks like a boot partition."""
    kernix.write("kernels_file.py", KERNELS)
    (kernix.work / "esp/EFI").mkdir(parents=True)
    return kernix.work / "esp"


def install(kernix: CommandLine, *words: str) -> Ran:
    """Run `kernix install` with *words* and a command line."""
    return kernix("install", *words, "-f", "kernels_file.py", "--esp", "esp", "--options", "root=LABEL=x ro")


def files(esp: Path) -> list[str]:
    """Return the files on the partition."""
    return sorted(str(it.relative_to(esp)) for it in esp.rglob("*") if it.is_file())


def test_a_dry_run_shows_and_does_nothing(kernix: CommandLine, esp: Path) -> None:
    """It shows what would be built if something is not built yet, else every step with the space it takes."""
    ran = install(kernix, "first", "--dry-run")
    assert (0, True) == (ran.code, "would be built" in ran.out)
    kernix("build", "-f", "kernels_file.py", "first", "first.modules", "--no-link")
    ran = install(kernix, "first", "--dry-run")

    assert ["copy", "write", "default", "space", "options"] == [line.split()[0] for line in ran.lines]
    assert ([], False) == (files(esp), (kernix.home / "profiles").exists())


def test_kernels_become_bootable(kernix: CommandLine, esp: Path) -> None:
    """The profile has the kernels, the partition their files and entries, and the first ATTR is the default."""
    ran = install(kernix, "first", "second", "--initrd", "ramdisk")
    texts = [(kernix.work / line).read_text() for line in ran.lines]

    assert (0, 2) == (ran.code, len(texts))
    for text, kernel in zip(texts, ("the first kernel", "the second kernel"), strict=True):
        values = dict(line.split(" ", 1) for line in text.splitlines()[1:])
        assert values["options"] == "root=LABEL=x ro"
        assert (esp / values["linux"][1:]).read_text() == kernel
        assert (esp / values["initrd"][1:]).read_text() == "an initramfs"
    assert (esp / "loader/loader.conf").read_text() == f"default {Path(ran.lines[0]).stem}*\n"
    assert (kernix.home / "profiles/system/bin/kernel-6-1-2").exists()
    assert 3 == len([it for it in files(esp) if it.endswith(("-linux", "-initrd"))])


def test_again_changes_nothing(kernix: CommandLine, esp: Path) -> None:
    """The same once more writes nothing, also without ATTR."""
    ran = install(kernix, "first")
    times = {it: (esp / it).stat().st_mtime_ns for it in files(esp)}

    assert ran.lines == install(kernix, "first").lines == install(kernix).lines
    assert times == {it: (esp / it).stat().st_mtime_ns for it in files(esp)}


def test_a_changed_kernel_is_beside_the_old_one(kernix: CommandLine, esp: Path) -> None:
    """The default before stays until a later run; a renamed entry is recognised."""
    old = kernix.work / install(kernix, "second").lines[0]
    new = kernix.work / install(kernix, "changed", "--tries", "3").lines[0]
    assert (True, True, "+3") == (old.exists(), new.exists(), new.stem[-2:])
    tried = new.rename(new.with_name(new.name.replace("+3", "+2-1")))
    assert [str(tried.relative_to(kernix.work))] == install(kernix, "--tries", "3").lines
    assert old.exists()
    good = tried.rename(tried.with_name(tried.name.replace("+2-1", "")))
    ran = install(kernix)

    assert f"removed {old.name}" in ran.err
    assert [good.name] == [it.name for it in (esp / "loader/entries").iterdir()]
    assert 1 == len([it for it in files(esp) if it.endswith("-linux")])


def test_going_back(kernix: CommandLine, esp: Path) -> None:
    """After a rollback of the profile, the kernels of then are the ones with entries."""
    first = install(kernix, "first").lines
    both = install(kernix, "second").lines
    assert len(both) == 2
    kernix("profile", "rollback", "system")

    assert first == install(kernix).lines
    assert (esp / "loader/loader.conf").read_text() == f"default {Path(first[0]).stem}*\n"


def test_a_prefix(kernix: CommandLine, esp: Path) -> None:
    """In a directory of a larger file system, paths have that directory."""
    entry = kernix.work / install(kernix, "first", "--prefix", "/boot").lines[0]

    assert "linux /boot/kernix/" in entry.read_text()
    assert "    linux /boot/kernix/" in (esp / "kernix/grub.cfg").read_text()
    assert "kept" not in install(kernix, "--prefix", "/boot").err


def test_the_default_can_stay(kernix: CommandLine, esp: Path) -> None:
    """With --no-default, loader.conf is not touched; --default names a slot."""
    install(kernix, "first", "second", "--no-default")
    assert "loader/loader.conf" not in files(esp)
    ran = install(kernix, "--default", "6-1-2")

    assert (esp / "loader/loader.conf").read_text() == f"default {Path(ran.lines[1]).stem}*\n"


def test_a_machine_like_fedora(kernix: CommandLine, esp: Path) -> None:
    """Entries called after the machine's id, GRUB's environment and its menu stay as they are, beside those of kernix."""
    machine = "0123456789abcdef0123456789abcdef"
    others = {
        f"loader/entries/{machine}-6.8.5-301.fc40.x86_64.conf": "title Fedora\nversion 6.8.5-301.fc40.x86_64\n"
        "linux /vmlinuz-6.8.5-301.fc40.x86_64\ninitrd /initramfs-6.8.5-301.fc40.x86_64.img $tuned_initrd\n"
        "options root=UUID=x ro $tuned_params\ngrub_users $grub_users\ngrub_arg --unrestricted\ngrub_class fedora\n",
        f"loader/entries/{machine}-0-rescue.conf": "title Rescue\nversion 0-rescue\nlinux /vmlinuz-0-rescue\n",
        "grub2/grubenv": f"# GRUB Environment Block\nsaved_entry={machine}-6.8.5-301.fc40.x86_64\n",
        "grub2/grub.cfg": "blscfg\n",
        "vmlinuz-6.8.5-301.fc40.x86_64": "a kernel",
    }
    for path, text in others.items():
        (esp / path).parent.mkdir(parents=True, exist_ok=True)
        (esp / path).write_text(text)
    install(kernix, "first", "--initrd", "ramdisk")
    entry = kernix.work / install(kernix, "changed").lines[-1]

    assert {path: (esp / path).read_text() for path in others} == others
    assert "linux /kernix/" in entry.read_text()
    assert entry.stem in (esp / "loader/loader.conf").read_text()


@pytest.fixture
def small(esp: Path) -> Iterator[Path]:
    """Return a boot partition of 64 kB."""
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=64k", "none", str(esp)], check=True)
    (esp / "EFI").mkdir()
    yield esp
    subprocess.run(["/bin/umount", str(esp)], check=True)


@pytest.mark.root
def test_too_little_space(kernix: CommandLine, small: Path) -> None:
    """The space is summed up first: nothing is written, and the profile is not made."""
    ran = install(kernix, "first")

    assert (1, []) == (ran.code, files(small))
    assert "error: " in ran.err
    assert "nothing was changed" in ran.err
    assert not (kernix.home / "profiles").exists()


@pytest.mark.root
def test_a_partition_that_fills_up(kernix: CommandLine, esp: Path) -> None:
    """If something else takes the space meanwhile, neither the partition nor the profile has anything new."""
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=3m", "none", str(esp)], check=True)
    (esp / "EFI").mkdir()
    failpoints.install(filling(esp, 4))
    try:
        ran = install(kernix, "first")
        found = files(esp)
    finally:
        failpoints.uninstall()
        subprocess.run(["/bin/umount", str(esp)], check=True)

    assert (1, ["filler"]) == (ran.code, found)
    assert ran.err.splitlines()[-2] == f"error: no space left on {esp}; what was begun there has been removed again"
    assert [] == [*(kernix.home / "profiles").iterdir()]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--esp", "none"], "none is no boot partition: it does not exist"),
        (["--esp", "kernels_file.py"], "kernels_file.py is no boot partition: it is not a directory"),
        (["--esp", "."], ". is no boot partition: it has no EFI, efi, loader, grub or grub2"),
        (["--profile", "a b"], "invalid profile name 'a b'"),
        (["--profile", "none"], "the profile `none` has no kernels, so there is nothing to install"),
        (["--default", "6-1-9"], "there is no slot `6-1-9` to be the default"),
        (["--options", "a\nb"], r"invalid command line 'a\nb'"),
        (["--prefix", "boot"], "invalid prefix 'boot'"),
        (["--no-default", "--default", "6-1-1"], "`--default` and `--no-default` contradict each other"),
        (["--uki", "--prefix", "/boot"], "`--prefix` is for entries, and `--uki` writes none"),
        (["--sign-key", "k", "--sign-cert", "c"], "only unified kernel images are signed here"),
        (["--uki", "--sign-key", "k"], "`--sign-key` and `--sign-cert` are needed together"),
        (["--slot", "a"], "`--slot` is for the kernels ATTR, and none is named"),
    ],
)
def test_bad_input(kernix: CommandLine, esp: Path, words: list[str], error: str) -> None:
    """Bad input is one sentence, and neither the partition nor the profile changes."""
    install(kernix, "first")
    before = files(esp)
    ran = kernix("install", "--esp", "esp", "--options", "ro", *words)

    assert ran.code in {1, 2}
    assert ran.err.startswith(f"error: {error}")
    assert before == files(esp)
    assert 1 == len(kernix("profile", "generations", "system").lines)


@pytest.mark.root
def test_a_read_only_partition(kernix: CommandLine, small: Path) -> None:
    """A partition that cannot be written is refused before anything is built."""
    subprocess.run(["/bin/mount", "-o", "remount,ro", str(small)], check=True)
    ran = install(kernix, "first")

    assert (1, "error: cannot write to esp: it is not writable") == (ran.code, ran.err.splitlines()[0])
    assert not kernix.home.exists()
