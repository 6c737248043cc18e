"""A command line with its own home, working directory and configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from derivations.debian.lock import dumps
from kernix.__main__ import _run
from tests.fakes import fake_lock
from tests.roots import add_tools


if TYPE_CHECKING:
    from collections.abc import Mapping


PROJECT = Path(__file__).parents[2]

HELLO = """
from derivations.source import text_file

hello = text_file("hello", "hello world\\n")
other = text_file("other", "something else\\n")
not_to_build = 3
"""


@attrs.frozen
class Ran:
    """The result of a run."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Return the lines of stdout."""
        return self.out.splitlines()

    @property
    def json(self) -> Any:  # noqa: ANN401 -- any JSON
        """Return stdout as JSON."""
        return json.loads(self.out)


@attrs.frozen
class CommandLine:
    """Runs kernix in this process, with all of the user's files below *top*."""

    top: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str | Path) -> Ran:
        """Run `kernix` with *words*."""
        self.capture.readouterr()
        code = _run([str(word) for word in words])
        captured = self.capture.readouterr()
        return Ran(code, captured.out, captured.err)

    def process(self, *words: str | Path, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `kernix` with *words* in a process of its own."""
        command = [sys.executable, "-m", "kernix", *map(str, words)]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), **(more or {})}
        return subprocess.run(command, env=environment, text=True, capture_output=True, check=False, timeout=60)

    @property
    def home(self) -> Path:
        """Return the store's home."""
        return self.top / "kernix"

    @property
    def work(self) -> Path:
        """Return the working directory."""
        return self.top / "work"

    @property
    def config(self) -> Path:
        """Return the directory of the user's configuration."""
        return self.top / "home/.config/kernix"

    def write(self, name: str, text: str) -> Path:
        """Write *text* to the file *name* in the working directory."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def configure(self, text: str) -> Path:
        """Write the user's configuration file."""
        self.config.mkdir(parents=True, exist_ok=True)
        (self.config / "config.toml").write_text(text)
        return self.config / "config.toml"


@pytest.fixture
def kernix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Return a command line in an empty working directory, with an empty home."""
    line = CommandLine(tmp_path, capsys)
    line.work.mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERNIX_HOME", str(line.home))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(line.work)
    return line


@pytest.fixture
def hello(kernix: CommandLine) -> Path:
    """Return a user's file with two derivations, `hello` and `other`."""
    return kernix.write("hello.py", HELLO)


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root file system with this machine's shell and nothing else."""
    root = tmp_path_factory.mktemp("shell") / "root"
    add_tools(root, ["sh"])
    return root


SCRIPTS = """
from derivations.derivation import Derivation
from derivations.source import local_source

root = local_source({root!r})

def script(name, text, **more):
    return Derivation(name=name, system="x86_64-linux", builder="/bin/sh", args=["-c", text], mounts={{"/": root.out}}, **more)

fine = script("fine", "echo one; echo two; echo done > /out/out")
two = script("two", "echo out > /out/out; echo dev > /out/dev", outputs=["out", "dev"])
broken = script("broken", "echo before; echo '  something is missing' >&2; exit 3")
needs_broken = Derivation(
    name="needs-broken", system="x86_64-linux", builder="/bin/sh", args=["-c", "echo > /out/out"],
    mounts={{"/": root.out, "/broken": broken.out}},
)
slow = script("slow", "while :; do :; done")
nap = script("nap", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done > /out/out")
"""


@pytest.fixture
def scripts(kernix: CommandLine, shell: Path) -> Path:
    """Return a user's file with derivations that run shell scripts."""
    return kernix.write("scripts.py", SCRIPTS.format(root=str(shell)))


@pytest.fixture
def lock(kernix: CommandLine) -> Path:
    """Return the user's lock, of made-up packages."""
    kernix.config.mkdir(parents=True, exist_ok=True)
    (kernix.config / "kernix.lock").write_text(dumps(fake_lock()))
    return kernix.config / "kernix.lock"
