"""A machine with this one's programs and a fake kernel, to run the scripts in."""

from __future__ import annotations

import json
import subprocess

from pathlib import Path
from typing import Any

import attrs

from derivations.linux.script import text_of


RELEASE = "6.12.117"
BUILD = f"lib/modules/{RELEASE}/build"


@attrs.frozen
class Run:
    """The result of a script: its output, the part meant for kernix, and its exit code."""

    lines: tuple[str, ...]
    words: tuple[dict[str, Any], ...]
    code: int

    @property
    def error(self) -> dict[str, str]:
        """Return the last report, which is the reason of the failure."""
        assert self.code != 0, self.lines
        return next(it for it in reversed(self.words) if "error" in it)

    @property
    def warnings(self) -> list[str]:
        """Return its warnings."""
        return [it["warning"] for it in self.words if "warning" in it]


@attrs.frozen
class Machine:
    """The directories that a script sees in its sandbox, below *root*."""

    root: Path

    def write(self, files: dict[str, str]) -> None:
        """Write *files* by their paths, `build/module/…` or `kernel/…`."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run(self, shell: str, script: str, *words: str, cwd: str = "/") -> Run:
        """Run *script* with *shell* and *words*."""
        text = text_of(script).replace("=/lib/modules/", "=/kernel/lib/modules/")
        return self.run_text(shell, text, script, *words, cwd=cwd)

    def run_text(self, shell: str, text: str, script: str, *words: str, cwd: str = "/") -> Run:
        """Run the *text* of a *script* with *shell* and *words*."""
        usr = [
            "--ro-bind",
            "/usr",
            "/usr",
            *(it for name in ("bin", "sbin", "lib", "lib64") for it in self._link(name)),
        ]
        self.write({"kernix/chance.sh": text_of("chance")})
        mounts = [it for path in sorted(self.root.iterdir()) for it in ("--bind", str(path), f"/{path.name}")]
        places = [*usr, "--ro-bind", "/etc", "/etc", "--proc", "/proc", "--dev", "/dev", *mounts, "--chdir", cwd]
        env = ["--clearenv", "--setenv", "PATH", "/tools:/usr/sbin:/usr/bin", "--setenv", "KERNIX_CORES", "2"]
        done = subprocess.run(
            ["/usr/bin/env", "bwrap", "--unshare-all", *places, *env, shell, "-c", text, script, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = (done.stdout + done.stderr).splitlines()
        words_of_ours = [json.loads(it.removeprefix("@kernix ")) for it in lines if it.startswith("@kernix ")]
        return Run(tuple(lines), tuple(words_of_ours), done.returncode)

    def dkms(self, conf: str, files: dict[str, str] | None = None, options: str = "") -> Run:
        """Build a source with the dkms.conf *conf* and other *files*, for a kernel with the *options*."""
        sources = {f"build/module/{name}": text for name, text in (files or {}).items()}
        self.write({"build/module/dkms.conf": conf, f"kernel/{BUILD}/.config": options, **sources})
        return self.run("bash", "dkms", RELEASE, "x86_64", cwd="/build/module")

    @property
    def modules(self) -> list[list[str]]:
        """Return the modules to install: file, name, whether it is stripped."""
        return [line.split("\t") for line in (self.root / "build/modules").read_text().splitlines()]

    @staticmethod
    def _link(name: str) -> list[str]:
        path = Path("/", name)
        return (
            ["--symlink", f"usr/{name}", f"/{name}"] if path.is_symlink() else ["--ro-bind-try", str(path), str(path)]
        )
