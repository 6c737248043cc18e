"""Unified kernel images on a boot partition: what they are called, what is recognised, and what a crash leaves."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess

from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest

from derivations.frozen_map import FrozenMap
from derivations.image.boot_entry import LOADER, PROGRAMS, default_of
from derivations.image.boot_plan import plan_boot
from derivations.image.boot_program import program_digest
from derivations.image.pe import InvalidImage, read_program
from derivations.image.profile import INITRD, KERNEL, Slot
from kernix.installation.carry_out import carry_out
from kernix.installation.partition import read_state
from kernix.installation.programs import wanted_programs
from kernix.installation.signing import NoSigningProgram, Signer, UnusableKey
from store.osutil import failpoints
from tests.efi import ARM64, efi_program
from tests.programs import program
from tests.store.crashing import killing


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.image.boot_program import NewProgram
    from store.layout import Layout


@attrs.define
class Machine:
    """A boot partition, and objects with kernels."""

    directory: Path

    @property
    def esp(self) -> Path:
        """Return the partition."""
        return self.directory / "esp"

    @property
    def objects(self) -> Path:
        """Return the objects, as a store's layout does."""
        return self.directory / "objects"

    def programs(
        self, *releases: str, options: str = "ro", signer: Signer | None = None, machine: int = 0
    ) -> list[NewProgram]:
        """Return the images of kernels with *releases*."""
        made = self.directory / "made"
        made.mkdir(exist_ok=True)
        stub = self.directory / "linuxx64.efi.stub"
        stub.write_bytes(efi_program())
        slots = []
        for it in releases:
            kernel, initrd = f"{'x' * 32}-kernel-{it}", f"{'x' * 32}-initrd-{it}"
            other = {"machine": machine} if machine else {}
            (self.objects / kernel).write_bytes(efi_program({".text": it.encode() * 9000}, **cast("Any", other)))
            (self.objects / initrd).write_bytes(b"an initramfs")
            files = FrozenMap({KERNEL: kernel, INITRD: initrd})
            slots.append(Slot(name=it.replace(".", "-"), title=it, release=it, files=files))
        layout = cast("Layout", self)
        return wanted_programs(
            layout, "system", slots, stub=stub, options=options, machine="", signer=signer, directory=made
        )

    def install(self, *releases: str, tries: int | None = None, **given: Any) -> list[str]:  # noqa: ANN401 -- as of `programs`
        """Install kernels with *releases*, and return the names of all programs."""
        wanted = self.programs(*releases, **given)
        state = read_state(self.esp, lambda _: frozenset())
        carry_out(self.esp, plan_boot(state, "system", wanted, [], default=None, tries=tries, reserve=0))
        return self.names()

    def names(self) -> list[str]:
        """Return the names of all programs."""
        return sorted(it.name for it in (self.esp / PROGRAMS).iterdir())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with an empty partition."""
    (tmp_path / "esp/EFI").mkdir(parents=True)
    (tmp_path / "objects").mkdir()
    return Machine(tmp_path)


def test_a_program(machine: Machine) -> None:
    """It has everything in it, is the default, and the same again writes nothing."""
    (name,) = machine.install("6.1.1", tries=3)
    made = read_program(name, (machine.esp / PROGRAMS / name).read_bytes())
    before = (machine.esp / PROGRAMS / name).stat().st_mtime_ns

    assert name.startswith("kernix-system-6-1-1-")
    assert name.endswith("+3.efi")
    assert (made.section(".cmdline"), made.section(".initrd")) == (b"ro", b"an initramfs")
    assert (machine.esp / LOADER).read_text() == f"default {name.removesuffix('+3.efi')}*\n"
    assert machine.install("6.1.1", tries=3) == [name]
    assert (machine.esp / PROGRAMS / name).stat().st_mtime_ns == before


def test_a_renamed_program_is_recognised(machine: Machine) -> None:
    """A loader counts tries in the name; it stays the same entry."""
    (name,) = machine.install("6.1.1", tries=3)
    renamed = name.replace("+3", "+2-1")
    (machine.esp / PROGRAMS / name).rename(machine.esp / PROGRAMS / renamed)
    (entry,) = read_state(machine.esp, lambda _: frozenset()).entries

    assert (entry.left, entry.done, entry.profile, entry.version) == (2, 1, "system", "6.1.1")
    assert machine.install("6.1.1", tries=3) == [renamed]


def test_another_kernel_and_another_command_line(machine: Machine) -> None:
    """Each is another program, beside the default before; a program of others is left alone."""
    (machine.esp / PROGRAMS).mkdir()
    (machine.esp / PROGRAMS / "debian.efi").write_bytes(b"whatever it is")
    first = machine.install("6.1.1")
    second = machine.install("6.1.1", options="ro quiet")
    third = machine.install("6.1.2", options="ro quiet")

    assert (len(first), len(second), len(third)) == (2, 3, 3)
    assert "debian.efi" in third
    assert not {*first} & {*third} - {"debian.efi"}


def test_a_damaged_program_is_written_again(machine: Machine) -> None:
    """A program whose content is not what its name says counts as nothing."""
    (name,) = machine.install("6.1.1")
    place = machine.esp / PROGRAMS / name
    whole = place.read_bytes()
    place.write_bytes(whole[:-600])
    assert read_state(machine.esp, lambda _: frozenset()).entries == ()
    assert machine.install("6.1.1") == [name]
    assert place.read_bytes() == whole


def test_killed_anywhere(machine: Machine) -> None:
    """After SIGKILL at any step, each program that is shown is whole, and the default is one of them."""
    machine.install("6.1.1")
    prepared = machine.directory / "prepared"
    machine.esp.rename(prepared)
    for number in range(1, 100):
        shutil.copytree(prepared, machine.esp)
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            failpoints.install(killing(number))
            with contextlib.suppress(BaseException):
                machine.install("6.1.2")
                machine.install("6.1.2")
                os._exit(0)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        entries = read_state(machine.esp, lambda _: frozenset()).entries
        assert default_of((machine.esp / LOADER).read_text(), entries) is not None
        for it in entries:
            assert program_digest((machine.esp / PROGRAMS / it.name).read_bytes()) in it.id
        machine.install("6.1.2")
        assert len(machine.install("6.1.2")) == 1
        shutil.rmtree(machine.esp)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            assert number > 5
            return
    pytest.fail("it never ended")


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """Return a key of this test, with its certificate."""
    key, certificate = tmp_path / "db.key", tmp_path / "db.crt"
    words = ["req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test/", "-days", "9"]
    subprocess.run([program("openssl"), *words, "-keyout", key, "-out", certificate], capture_output=True, check=True)
    program("sbsign")
    return Signer.of(key, certificate)


def test_a_signed_program(machine: Machine, signer: Signer) -> None:
    """The signature is valid, the program is known by what was signed, and the same again writes nothing."""
    plain = machine.install("6.1.1")
    (name,) = {*machine.install("6.1.1", signer=signer)} - {*plain}
    place = machine.esp / PROGRAMS / name
    verify = [program("sbverify"), "--cert", str(signer.certificate), str(place)]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0
    signed = place.read_bytes()
    assert [name] == machine.install("6.1.1", signer=signer)
    assert signed == place.read_bytes()


def test_what_cannot_sign(machine: Machine, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is missing, or something else, is an error, and the partition has nothing new."""
    text = tmp_path / "text"
    text.write_text("no key\n")
    with pytest.raises(UnusableKey, match="no such file"):
        Signer.of(tmp_path / "none", signer.certificate)
    with pytest.raises(UnusableKey):
        machine.install("6.1.1", signer=Signer.of(text, signer.certificate))
    assert not (machine.esp / PROGRAMS).exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSigningProgram):
        Signer.of(signer.key, signer.certificate)


def test_names_fit_fat(machine: Machine, tmp_path: Path) -> None:
    """A FAT file system has the names as they are, with `+`, and tells them apart without upper and lower case."""
    machine.install("6.1.1", tries=3)
    names = machine.install("6.1.2-rc1", tries=3)
    image = tmp_path / "fat"
    for words in (["mformat", "-C", "-T", "65536"], ["mcopy", "-s", machine.esp / "EFI", machine.esp / "loader", "::"]):
        name, *others = words
        command = [program(str(name)), "-i", str(image), *map(str, others), *(["::"] if name == "mformat" else [])]
        subprocess.run(command, capture_output=True, check=True)
    listed = [program("mdir"), "-b", "-i", str(image), f"::/{PROGRAMS}"]
    found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()

    assert sorted(it.rpartition("/")[2] for it in found) == names
    assert len({it.lower() for it in names}) == len(names) == 2


def test_a_kernel_for_another_machine(machine: Machine) -> None:
    """A stub for another machine is refused before anything is written."""
    with pytest.raises(InvalidImage, match="it is for x64, and the kernel for aa64"):
        machine.install("6.1.1", machine=ARM64)
    assert not (machine.esp / PROGRAMS).exists()
