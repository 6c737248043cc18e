"""Modules of other projects that shadow parts of kernix: the error names them and the way out."""

from __future__ import annotations

import os
import subprocess
import sys

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.shadowing import FILES, ROOT, PackageShadowed, shadowed


if TYPE_CHECKING:
    from pathlib import Path


SCRIPT = "from derivations import YES\nfrom kernels import kernel_set\n"
PARTS = ("derivations", "kernels.json", "kernels.py", "kernix", "overlays", "store")


@attrs.frozen
class Environment:
    """An environment with kernix installed, and a working directory beside it."""

    site: Path
    work: Path

    def command(self, *words: str, more: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command line *words* as its console script would, with *more* on PYTHONPATH before it."""
        start = "import sys; from kernix.__main__ import main; sys.exit(main())"
        return self.python("-P", "-c", start, *words, more=more)

    def python(self, *words: str, more: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run Python with *words*."""
        path = os.pathsep.join(str(it) for it in (more, self.site) if it)
        environment = {**os.environ, "PYTHONPATH": path, "KERNIX_HOME": str(self.work / "home")}
        command = [sys.executable, *words]
        return subprocess.run(command, env=environment, cwd=self.work, text=True, capture_output=True, check=False)

    def install(self, distribution: str, file: str) -> Path:
        """Install the *file* of *distribution* into the environment, replacing an existing one."""
        path = self.site / file
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise ValueError('this is somebody else')\n")
        info = self.site / f"{distribution}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "RECORD").write_text(f"{file},,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")
        return path


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Return an environment with only kernix."""
    found = Environment(tmp_path / "site", tmp_path / "work")
    found.site.mkdir()
    found.work.mkdir()
    for part in PARTS:
        (found.site / part).symlink_to(ROOT / part)
    (found.work / "my.py").write_text(SCRIPT)
    return found


def test_everything_is_ours(environment: Environment) -> None:
    """If nothing shadows kernix, it runs, and so does a script that imports it."""
    assert shadowed() is None
    assert (environment.command("--version").returncode, environment.python("my.py").stderr) == (0, "")


def test_missing_parts() -> None:
    """A part that Python does not find is named, with its expected place."""
    found = shadowed(["kernix_has_no_such_part"])
    assert isinstance(found, PackageShadowed)
    assert (found.name, found.path, found.owner) == ("kernix_has_no_such_part", None, None)
    assert str(ROOT) in str(found)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        pytest.param("kernels/__init__.py", "kernels", id="a-package-beats-our-module"),
        pytest.param("kernels.py", "kernels", id="our-module-is-overwritten"),
    ],
)
def test_a_distribution_in_our_environment(environment: Environment, file: str, name: str) -> None:
    """A distribution that replaces a file of ours is named, with its version, and none of its code runs."""
    path = environment.install("someone", file)
    sentence = f"`import {name}` finds {path} of the package someone 1.2, which is not a part of kernix"
    ran, script = environment.command("list"), environment.python("my.py")
    error, hint = ran.stderr.splitlines()
    assert (ran.returncode, error, "an environment of its own" in hint) == (1, f"error: {sentence}", True)
    assert (script.returncode, sentence in script.stderr.splitlines()[-1]) == (1, True)


@pytest.mark.parametrize("name", ["store", "overlays", "derivations"])
def test_an_overwritten_package(environment: Environment, name: str) -> None:
    """A distribution whose package overwrites ours is named by every verb, even by a build that needs no evaluation."""
    ours = environment.site / name
    ours.unlink()
    ours.mkdir()
    for it in (ROOT / name).iterdir():
        (ours / it.name).symlink_to(it)
    path = environment.install("someone", FILES[name])
    for words in (["list"], ["build", "linux_micro"]):
        ran = environment.command(*words)
        sentence = f"error: `import {name}` finds {path} of the package someone 1.2, which is not a part of kernix"
        assert (ran.returncode, ran.stderr.splitlines()[0]) == (1, sentence)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("form", ["{}.py", "{}/__init__.py"])
def test_pythonpath(environment: Environment, tmp_path: Path, name: str, form: str) -> None:
    """A module or a package that PYTHONPATH puts before ours is named, and the hint says to remove it."""
    path = tmp_path / "other" / form.format(name)
    path.parent.mkdir(parents=True)
    path.write_text("")
    error, hint = environment.command("list", more=tmp_path / "other").stderr.splitlines()
    assert error == f"error: `import {name}` finds {path}, which is not a part of kernix"
    assert hint.startswith(f"hint: take {tmp_path / 'other'} out of PYTHONPATH")


@pytest.mark.parametrize("form", ["store.py", "store/__init__.py", "kernels.py"])
@pytest.mark.parametrize("words", [["my.py"], ["-m", "kernix", "list"]], ids=["script", "module"])
def test_beside_the_script(environment: Environment, form: str, words: list[str]) -> None:
    """The hint for a script beside a `store.py` is to rename that, also for `python -m kernix` in such a directory."""
    path = environment.work / form
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    ran = environment.python(*words)
    renamed = environment.work / form.partition("/")[0]
    assert (ran.returncode, f"finds {path}, which is not a part of kernix" in ran.stderr) == (1, True)
    assert f"rename {renamed}, or run Python with -P" in ran.stderr


def test_escape_sequences_in_a_path(environment: Environment, tmp_path: Path) -> None:
    """Control characters in the path of the other module are escaped."""
    other = tmp_path / "\x1b[31mred"
    other.mkdir()
    (other / "store.py").write_text("")
    assert "\x1b" not in environment.command("list", more=other).stderr
