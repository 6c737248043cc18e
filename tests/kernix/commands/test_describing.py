"""The verbs about definitions: list, show, instantiate, config, boot, completion."""

from __future__ import annotations

import json
import os
import subprocess

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernix.commands.boot import NoGuestOutput, uname_of
from kernix.output.describe import LONGEST


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine


KERNELS = [
    "linux_5_10", "linux_5_15", "linux_6_1", "linux_6_12", "linux_6_18", "linux_6_6", "linux_debian_6_1",
    "linux_debian_6_12", "linux_debian_amd64", "linux_debian_arm64", "linux_debian_cloud", "linux_guest", "linux_latest",
    "linux_lts", "linux_micro", "linux_stalix", "linux_testing",
]  # fmt: skip
COMPILED = ["linux_debian_amd64", "linux_debian_arm64", "linux_debian_cloud"]
"""Those that the lock must pin one by one."""

FAKE = """
from derivations.derivation import Derivation
from derivations.source import text_file
from derivations.union import union

class Tests:
    def __init__(self, text):
        self.text = text

    @property
    def boot(self):
        return console(self.text)

class Kernel:
    name = "fake-1.0"
    version = "1.0"
    description = "a kernel that is none"

    def __init__(self, text):
        self.tests = Tests(text)

    @property
    def out(self):
        return text_file("fake", "image").out

    @property
    def configuration(self):
        return text_file("config", "CONFIG_FAKE=y\\n").out

def console(text):
    return Derivation(
        name="boot", system="builtin", builder="builtin:union",
        env={"files": __import__("json").dumps({"console.log": text})},
    )

fake = Kernel("noise\\nKERNIX-GUEST release=1.0\\nKERNIX-GUEST uname=Linux (none) 1.0\\n")
silent = Kernel("noise\\n")
plain = text_file("plain", "text")
"""


@pytest.fixture
def fake(kernix: CommandLine) -> Path:
    """Return a user's file with kernels that are quick to build."""
    return kernix.write("fake.py", FAKE)


@pytest.mark.usefixtures("lock")
def test_list_names_the_bundled_kernels(kernix: CommandLine) -> None:
    """Each kernel gets a line with its version and description."""
    ran = kernix("list")
    assert KERNELS == [line.split()[0] for line in ran.lines]
    assert "linux_micro         6.12.43   a small Linux" in ran.out


def test_list_needs_no_lock(kernix: CommandLine) -> None:
    """Without a lock the kernels that need one are listed by name, and no lock is created."""
    ran = kernix("list")
    assert (0, KERNELS, False) == (ran.code, [line.split()[0] for line in ran.lines], kernix.config.exists())
    assert "unknown until there is a lock" in next(line for line in ran.lines if line.startswith("linux_micro"))


def test_list_of_a_file(kernix: CommandLine, fake: Path) -> None:
    """With `-f` the file's kernels and derivations are listed."""
    assert [
        {"attribute": "fake", "version": "1.0", "description": "a kernel that is none"},
        {"attribute": "silent", "version": "1.0", "description": "a kernel that is none"},
        {"attribute": "plain", "version": None, "description": "write plain"},
    ] == kernix("list", "-f", fake, "--json").json


@pytest.mark.usefixtures("lock")
def test_show_describes_a_kernel(kernix: CommandLine) -> None:
    """A kernel is described with version, source, patches, options, key, and outputs with their paths once built."""
    facts = kernix("show", "linux_6_12", "--json").json
    assert ("6.12.", "https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.12", "defconfig", []) == (
        facts["version"][:5],
        facts["source"]["url"][:55],
        facts["base"],
        facts["patches"],
    )
    assert dict.fromkeys(("out", "modules", "dev", "debug")) == facts["outputs"]


@pytest.mark.usefixtures("lock")
def test_show_for_people(kernix: CommandLine) -> None:
    """As text, each fact gets a line, and nested ones are indented."""
    lines = kernix("show", "linux_micro").lines
    assert "version      6.12.43" in lines
    assert "  out      not built" in lines


def test_show_of_a_derivation(kernix: CommandLine, hello: Path) -> None:
    """A derivation is described with builder, environment, and outputs with their paths."""
    path = kernix("build", "-f", hello, "hello").lines[0]
    facts = kernix("show", "-f", hello, "hello", "--json").json
    assert ("builtin:write-text", {"text": "hello world\n"}, {"out": path}) == (
        facts["builder"],
        facts["env"],
        facts["outputs"],
    )


def test_show_cuts_long_values(kernix: CommandLine) -> None:
    """As text, a long argument or variable is cut, with its length; JSON has all of it."""
    script = "set -eu\n" + "x" * (LONGEST - 8)
    kernix.write(
        "long.py",
        f"""
from derivations.derivation import Derivation

it = Derivation(name="it", system="x86_64-linux", builder="/bin/sh", args=["-c", {script!r}, {script + "y"!r}])
""",
    )
    whole = json.dumps(script)
    assert f"args         -c, {whole}, {whole}… (161 characters)" in kernix("show", "-f", "long.py", "it").lines
    assert ["-c", script, f"{script}y"] == kernix("show", "-f", "long.py", "it", "--json").json["args"]


@pytest.mark.usefixtures("lock")
def test_instantiate_prints_derivations(kernix: CommandLine) -> None:
    """Each attribute's derivation is written to the store with its inputs, without any network."""
    ran = kernix("instantiate", "linux_micro", "linux_micro.tests.boot")
    assert [True, True] == [Path(line).exists() and line.endswith(".drv") for line in ran.lines]
    assert "linux-micro-6.12.43" == json.loads(Path(ran.lines[0]).read_text())["name"]
    assert ran.lines == kernix("instantiate", "linux_micro", "linux_micro.tests.boot").lines


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize("kernel", [it for it in KERNELS if it not in COMPILED])
def test_every_kernel_evaluates_without_network(kernix: CommandLine, kernel: str) -> None:
    """With a lock, each bundled kernel can be instantiated."""
    assert (0, 1) == ((ran := kernix("instantiate", kernel)).code, len(ran.lines))


def test_config_prints_the_configuration(kernix: CommandLine, fake: Path) -> None:
    """Stdout gets the final .config, byte for byte."""
    ran = kernix("config", "-f", fake, "fake")
    assert (0, "CONFIG_FAKE=y\n") == (ran.code, ran.out)


def test_boot_prints_the_guests_uname(kernix: CommandLine, fake: Path) -> None:
    """Stdout gets the guest's own `uname -a`."""
    ran = kernix("boot", "-f", fake, "fake")
    assert (0, "Linux (none) 1.0\n") == (ran.code, ran.out)


def test_boot_can_print_the_console(kernix: CommandLine, fake: Path) -> None:
    """With `--console` the whole console output is printed."""
    assert "noise\n" == kernix("boot", "-f", fake, "fake", "--console").out[:6]


def test_a_guest_that_says_nothing(kernix: CommandLine, fake: Path) -> None:
    """A console without the guest's `uname -a` is an error that names the console's file."""
    ran = kernix("boot", "-f", fake, "silent")
    assert (1, "", True) == (ran.code, ran.out, "the guest did not print its `uname -a`" in ran.err)


def test_only_the_guests_line_counts() -> None:
    """The mark counts only at the beginning of a line: a command line that contains it is not from the guest."""
    with pytest.raises(NoGuestOutput):
        uname_of("cmdline: KERNIX-GUEST uname=Linux\n", Path("/console.log"))


@pytest.mark.parametrize("verb", ["config", "boot"])
def test_only_kernels_have_configurations_and_boot(kernix: CommandLine, fake: Path, verb: str) -> None:
    """Something that is not a kernel has no configuration and cannot be booted, exit code 2."""
    ran = kernix(verb, "-f", fake, "plain")
    assert (2, True) == (ran.code, ran.err.startswith("error: `plain` is not a kernel, so it "))


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_completion_scripts(kernix: CommandLine, shell: str) -> None:
    """Each shell gets a script that asks kernix."""
    ran = kernix("completion", shell)
    assert (0, True) == (ran.code, f"_KERNIX_COMPLETE={shell}_complete" in ran.out)


def complete(kernix: CommandLine, *words: str) -> list[str]:
    """Return bash's completions of the last of *words*, without their kinds."""
    more = {
        "_KERNIX_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["kernix", *words]),
        "COMP_CWORD": str(len(words)),
    }
    ran = kernix.process(more=more)
    assert (0, "") == (ran.returncode, ran.stderr)
    return [line.partition(",")[2] for line in ran.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["bu"], ["build"], id="verb"),
        pytest.param(["build", "linux_6_1"], ["linux_6_1", "linux_6_12", "linux_6_18"], id="attribute"),
        pytest.param(["build", "linux_micro."], [], id="needs-a-lock"),
        pytest.param(["build", "--keep"], ["--keep-going", "--keep-failed"], id="option"),
        pytest.param(["build", "--overlay", "de"], ["debug", "de"], id="overlay"),
        pytest.param(["lock", "--add", "busybox-a"], ["busybox-aarch64", "busybox-arm"], id="set"),
        pytest.param(["build", "-f", "hello.py", "o"], ["other"], id="file"),
        pytest.param(["build", "-f", "broken.py", "o"], [], id="broken-file"),
    ],
)
@pytest.mark.usefixtures("hello")
def test_words_are_completed(kernix: CommandLine, words: list[str], expected: list[str]) -> None:
    """Verbs, options, attributes and sets are completed, without making or fetching anything."""
    kernix.write("broken.py", "import nonsense\n")
    assert expected == complete(kernix, *words)
    assert (False, False) == (kernix.config.exists(), kernix.home.exists())


@pytest.mark.usefixtures("lock")
def test_parts_of_a_kernel_are_completed(kernix: CommandLine) -> None:
    """With a lock, a kernel's attributes are completed after the dot."""
    found = complete(kernix, "build", "linux_micro.")
    assert {"linux_micro.dev", "linux_micro.out", "linux_micro.tests", "linux_micro.configuration"} <= set(found)
    assert "linux_micro.version" not in found
    assert ["linux_micro.tests.boot"] == complete(kernix, "build", "linux_micro.tests.b")


def test_bash_accepts_its_script(kernix: CommandLine) -> None:
    """The script for bash is valid bash."""
    script = kernix("completion", "bash").out
    done = subprocess.run(
        ["/bin/bash", "-n"], input=script, text=True, env=os.environ, check=False, capture_output=True
    )
    assert (0, "") == (done.returncode, done.stderr)
