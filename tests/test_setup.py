"""setup.sh, on machines that consist of a few made-up programs."""

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
    """A machine that has the programs in *directory* and no others."""

    directory: Path

    def has(self, name: str, script: str = "exit 0") -> None:
        """Put the program *name* on the machine."""
        (self.directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.directory / name).chmod(0o755)

    def setup(self, verb: str, code: int) -> str:
        """Run setup.sh, expecting the exit *code*, and return what it says."""
        done = subprocess.run(
            ["/bin/sh", SETUP, verb],
            env={"PATH": str(self.directory), "VENV": str(self.directory / "venv")},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        return done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return the machine of root, with an apt-get that keeps what it is asked for."""
    machine = Machine(tmp_path)
    machine.has("id", "echo 0")
    machine.has("apt-get", f'echo "$@" >> "{tmp_path}/asked"')
    return machine


def asked(machine: Machine) -> list[list[str]]:
    """Return which verbs and packages apt-get was asked for."""
    file = machine.directory / "asked"
    lines = file.read_text().splitlines() if file.exists() else []
    return [[word for word in line.split() if not word.startswith("-")] for line in lines]


def test_what_is_there_is_left_alone(machine: Machine) -> None:
    """Where nothing is missing, nothing is installed and nothing is said."""
    machine.has("bwrap")
    assert (machine.setup("demo", 0), asked(machine)) == ("", [])


def test_the_demo_needs_no_test_programs(machine: Machine) -> None:
    """For the demo, only what kernix itself runs is installed, and it is named."""
    assert "installing bubblewrap with apt-get" in machine.setup("demo", 0)
    assert asked(machine) == [["install", "bubblewrap"]]


def test_what_tests_run_is_installed(machine: Machine) -> None:
    """For the tests, the packages of all programs that the machine lacks are installed at once."""
    machine.has("ps")
    machine.setup("tests", 0)
    ((verb, *packages),) = asked(machine)
    assert verb == "install"
    assert {"bubblewrap", "git", "gpg", "xz-utils"} < set(packages)
    assert "procps" not in packages


@pytest.mark.parametrize("name", TESTED)
def test_each_program_alone(machine: Machine, name: str) -> None:
    """A program that tests look for is one that setup installs."""
    machine.has(name)
    machine.setup("tests", 0)
    without = asked(machine)[-1]
    (machine.directory / name).unlink()
    machine.setup("tests", 0)
    assert len(asked(machine)[-1]) == len(without) + 1


def test_package_lists_are_refreshed(machine: Machine) -> None:
    """Where apt does not find a package, the lists are fetched and it is asked again."""
    lists = machine.directory / "lists"
    machine.has(
        "apt-get",
        f'echo "$@" >> "{machine.directory}/asked"\n[ "$1" = update ] && : > "{lists}"\n[ -e "{lists}" ] || exit 100',
    )
    machine.setup("demo", 0)
    assert [verb for verb, *_ in asked(machine)] == ["install", "update", "install"]


def test_what_apt_says_is_shown(machine: Machine) -> None:
    """Where apt fails with fresh lists, its reason is shown, and the command."""
    machine.has("apt-get", "echo 'E: held by another process' >&2; exit 100")
    said = machine.setup("demo", 1)
    assert "E: held by another process" in said
    assert said.splitlines()[-1].endswith("apt-get install bubblewrap")


def test_what_apt_says_of_the_network_is_shown(machine: Machine) -> None:
    """Where the lists cannot be refreshed, which apt does not call a failure, that is shown with what came of it."""
    machine.has(
        "apt-get", 'case $1 in update) echo "W: no network" >&2 ;; *) echo "E: no candidate" >&2; exit 100 ;; esac'
    )
    said = machine.setup("demo", 1).splitlines()
    assert ["W: no network", "E: no candidate"] == said[-3:-1]


@pytest.mark.parametrize(
    ("sudo", "reason"),
    [
        pytest.param(None, "sudo is not available", id="none"),
        pytest.param("exit 1", "sudo requires a password", id="password"),
    ],
)
def test_another_user(machine: Machine, sudo: str | None, reason: str) -> None:
    """Who can install nothing is given the command for root."""
    machine.has("id", "echo 1000")
    if sudo:
        machine.has("sudo", sudo)
    said = machine.setup("demo", 1)
    assert reason in said
    assert "as root: apt-get install bubblewrap" in said
    assert asked(machine) == []


def test_sudo(machine: Machine) -> None:
    """A user who may use sudo needs to do nothing."""
    machine.has("id", "echo 1000")
    machine.has("sudo", '[ "$1" != -n ] || shift\n"$@"')
    machine.has("true")
    machine.setup("demo", 0)
    assert asked(machine) == [["install", "bubblewrap"]]


def test_no_apt(machine: Machine) -> None:
    """Where there is no apt, what is missing is named."""
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
    """Where Python is too old or missing, ways to get another one are named."""
    if python:
        machine.has("python3", python)
    said = machine.setup("venv", 1)
    assert reason in said
    assert "uv python install" in said
    assert "make PYTHON=" in said
