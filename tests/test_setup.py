"""setup.sh, on machines with a few fake programs."""

from __future__ import annotations

import subprocess

from pathlib import Path

import attrs
import pytest


SETUP = Path(__file__).parent.parent / "setup.sh"
TESTED = ("git", "gpg", "ps", "xz")
"""Some of the programs that the tests run."""


@attrs.frozen
class Machine:
    """A machine with only the programs in *directory*."""

    directory: Path

    def has(self, name: str, script: str = "exit 0") -> None:
        """Put the program *name* on the machine."""
        (self.directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.directory / name).chmod(0o755)

    def setup(self, verb: str, code: int) -> str:
        """Run setup.sh, expecting the exit *code*, and return its messages."""
        done = subprocess.run(
            ["/bin/sh", SETUP, verb],
            env={"PATH": str(self.directory), "VENV": str(self.directory / "venv")},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        return done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine, run as root, with an apt-get that records its arguments."""
    machine = Machine(tmp_path)
    machine.has("id", "echo 0")
    machine.has("apt-get", f'echo "$@" >> "{tmp_path}/asked"')
    return machine


def asked(machine: Machine) -> list[list[str]]:
    """Return the recorded arguments of apt-get."""
    file = machine.directory / "asked"
    lines = file.read_text().splitlines() if file.exists() else []
    return [[word for word in line.split() if not word.startswith("-")] for line in lines]


def test_nothing_is_missing(machine: Machine) -> None:
    """If nothing is missing, nothing is installed and nothing is printed."""
    machine.has("bwrap")
    assert (machine.setup("demo", 0), asked(machine)) == ("", [])


def test_the_demo_needs_no_test_programs(machine: Machine) -> None:
    """For the demo, only the programs that kernix itself runs are installed, and they are named."""
    assert "installing bubblewrap with apt-get" in machine.setup("demo", 0)
    assert asked(machine) == [["install", "bubblewrap"]]


def test_programs_of_the_tests_are_installed(machine: Machine) -> None:
    """For the tests, the packages of all missing programs are installed with one command."""
    machine.has("ps")
    machine.setup("tests", 0)
    ((verb, *packages),) = asked(machine)
    assert verb == "install"
    assert {"bubblewrap", "git", "gpg", "xz-utils"} < set(packages)
    assert "procps" not in packages


@pytest.mark.parametrize("name", TESTED)
def test_each_program_alone(machine: Machine, name: str) -> None:
    """Every program that the tests need is installed."""
    machine.has(name)
    machine.setup("tests", 0)
    without = asked(machine)[-1]
    (machine.directory / name).unlink()
    machine.setup("tests", 0)
    assert len(asked(machine)[-1]) == len(without) + 1


def test_package_lists_are_refreshed(machine: Machine) -> None:
    """If apt does not find a package, the lists are refreshed and the installation is retried."""
    lists = machine.directory / "lists"
    machine.has(
        "apt-get",
        f'echo "$@" >> "{machine.directory}/asked"\n[ "$1" = update ] && : > "{lists}"\n[ -e "{lists}" ] || exit 100',
    )
    machine.setup("demo", 0)
    assert [verb for verb, *_ in asked(machine)] == ["install", "update", "install"]


def test_errors_of_apt_are_shown(machine: Machine) -> None:
    """If apt fails with fresh lists, its error is shown, and the command."""
    machine.has("apt-get", "echo 'E: held by another process' >&2; exit 100")
    output = machine.setup("demo", 1)
    assert "E: held by another process" in output
    assert output.splitlines()[-1].endswith("apt-get install bubblewrap")


def test_network_errors_of_apt_are_shown(machine: Machine) -> None:
    """If the lists cannot be refreshed, which apt does not treat as a failure, that is shown with the resulting error."""
    machine.has(
        "apt-get", 'case $1 in update) echo "W: no network" >&2 ;; *) echo "E: no candidate" >&2; exit 100 ;; esac'
    )
    output = machine.setup("demo", 1).splitlines()
    assert ["W: no network", "E: no candidate"] == output[-3:-1]


@pytest.mark.parametrize(
    ("sudo", "reason"),
    [
        pytest.param(None, "sudo is not available", id="none"),
        pytest.param("exit 1", "sudo requires a password", id="password"),
    ],
)
def test_another_user(machine: Machine, sudo: str | None, reason: str) -> None:
    """A user who cannot install packages gets the command for root."""
    machine.has("id", "echo 1000")
    if sudo:
        machine.has("sudo", sudo)
    output = machine.setup("demo", 1)
    assert reason in output
    assert "as root: apt-get install bubblewrap" in output
    assert asked(machine) == []


def test_sudo(machine: Machine) -> None:
    """For a user who may use sudo, packages are installed automatically."""
    machine.has("id", "echo 1000")
    machine.has("sudo", '[ "$1" != -n ] || shift\n"$@"')
    machine.has("true")
    machine.setup("demo", 0)
    assert asked(machine) == [["install", "bubblewrap"]]


def test_no_apt(machine: Machine) -> None:
    """Without apt, the missing programs are named."""
    (machine.directory / "apt-get").unlink()
    assert "missing: bubblewrap; apt-get is not available" in machine.setup("demo", 1)


@pytest.mark.parametrize(
    ("python", "reason"),
    [
        pytest.param("[ $1 = --version ] && echo Python 3.9.2 || exit 1", "python3 is Python 3.9.2", id="old"),
        pytest.param(None, "python3 does not run", id="none"),
    ],
)
def test_an_old_python(machine: Machine, python: str | None, reason: str) -> None:
    """If Python is too old or missing, ways to get another one are named."""
    if python:
        machine.has("python3", python)
    output = machine.setup("venv", 1)
    assert reason in output
    assert "uv python install" in output
    assert "make PYTHON=" in output
