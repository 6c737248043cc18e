"""The language on a real kernel: complete configurations, contradictions, and imports."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path

    from tests.real import Kernix

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def whole(real: Kernix) -> Path:
    """Return a file with the complete `.config` of linux_micro, as written by the kernel's own Kconfig."""
    file = real.home / "whole.config"
    file.write_text(real.run("config", "linux_micro").stdout)
    return file


def manual(real: Kernix, file: Path, version: str = "kernels.linux_micro.version") -> str:
    """Define a kernel with exactly the configuration *file*, and return the file of the definition."""
    return real.define(
        "manual.py",
        f"""
        it = linux_manual_config(version={version}, source=kernels.linux_micro.source, config_file="{file.name}")
        lenient = it.override(ignore_config_errors=True)
        """,
    )


def test_a_complete_configuration_is_unchanged(real: Kernix, whole: Path) -> None:
    """`linux_manual_config` has the file's configuration, line by line."""
    assert real.run("config", "-f", manual(real, whole), "it").stdout == whole.read_text()


def test_a_complete_configuration_that_kconfig_would_change(real: Kernix, whole: Path) -> None:
    """All changes are reported with their line, including missing options; only values that Kconfig computes may differ."""
    text = whole.read_text()
    for old, new in {
        r'^CONFIG_CC_VERSION_TEXT=".*"$': 'CONFIG_CC_VERSION_TEXT="another compiler"',
        r"^CONFIG_SHMEM=y\n": "",
        r"^CONFIG_NR_CPUS=1$": "CONFIG_NR_CPUS=4",
        r"^# CONFIG_NET is not set$": "CONFIG_NO_SUCH=y",
    }.items():
        text, count = re.subn(old, new, text, flags=re.MULTILINE)
        assert count == 1, old
    changed = whole.with_name("changed.config")
    changed.write_text(text)
    output = real.run("config", "-f", manual(real, changed), "it", code=100).stderr

    assert re.findall(r"^  ([A-Z_]+): requested (\S+) \((\S+)\)", output, re.MULTILINE) == [
        (option, value, f"changed.config{place}")
        for option, value, place in [
            ("NO_SUCH", "y", f":{text[: text.index('CONFIG_NO_SUCH')].count(chr(10)) + 1}"),
            ("NR_CPUS", "4", f":{text[: text.index('CONFIG_NR_CPUS=')].count(chr(10)) + 1}"),
            ("SHMEM", "n", ""),
        ]
    ]
    found = real.run("config", "check", "-f", manual(real, changed), "it", code=1)
    assert found.stderr.splitlines()[0].endswith(": NO_SUCH, NR_CPUS, SHMEM")
    assert "NR_CPUS: requested 4 (changed.config:" in found.stdout
    assert "CONFIG_SHMEM=y" in real.run("config", "-f", manual(real, changed), "lenient").stdout
    real.run("config", "check", "-f", manual(real, changed), "lenient")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        pytest.param(
            "# Linux/x86_64 ", "# Linux/arm64 ", "whole is for arm64, but the kernel is for x86_64", id="architecture"
        ),
        pytest.param("# Linux/x86_64 6", "# Linux/x86_64 5", r"whole is for Linux 5\.", id="version"),
        pytest.param(
            "# end of Kernel hacking\n",
            "",
            "whole is incomplete: its menu 'Kernel hacking' has no end",
            id="cut-off",
        ),
    ],
)
def test_a_complete_configuration_for_something_else(
    real: Kernix, whole: Path, old: str, new: str, sentence: str
) -> None:
    """A file for another architecture or version, or one that is cut off, is rejected before anything is built."""
    other = whole.with_name("other.config")
    text = whole.read_text()
    assert old in text
    other.write_text(text.replace(old, new))
    output = real.run("config", "-f", manual(real, other), "it", code=1).stderr

    assert re.match(f"error: {sentence.replace('whole', 'other.config')}", output)


def test_contradictions_are_reported_before_anything_is_built(real: Kernix) -> None:
    """Fragments that contradict each other are reported together, with their lines."""
    file = real.define(
        "contradicting.py",
        """
        EFI = {
            "EFI": YES,
            "EFI_STUB": YES,
        }
        it = kernels.linux_micro.override(
            extra_config=[
                Fragment("efi", EFI),
                {"EFI": NO, "NET": YES},
                "CONFIG_NET=n",
            ],
        )
        """,
    )
    output = real.run("config", "-f", file, "it", code=1).stderr

    assert output.splitlines()[:3] == [
        "error: conflicting requests:",
        "  EFI is set to n by extra_config, contradicting.py:13 and to y by efi, contradicting.py:7",
        "  NET is set to n by extra_config, contradicting.py:14 and to y by extra_config, contradicting.py:13",
    ]


def test_moving_a_request_rebuilds_nothing(real: Kernix) -> None:
    """The same requests in other lines and fragments are not resolved again, but errors show their new places."""
    one = real.define("one.py", 'it = kernels.linux_micro.override(extra_config={"NET": YES, "LOG_BUF_SHIFT": 18})')
    real.run("config", "-f", one, "it")
    other = real.define(
        "other.py",
        """


        it = kernels.linux_micro.override(extra_config=[Fragment("net", {"NET": YES}), {"LOG_BUF_SHIFT": 18}])
        """,
    )

    assert real.built("-f", other, "it.configuration") == []


def test_an_imported_configuration_is_equal(real: Kernix) -> None:
    """`config import` prints Python that gives the same kernel as the text."""
    text = 'CONFIG_NET=y\nCONFIG_LOCALVERSION="-x \\"y\\""\n# CONFIG_INET is not set\nCONFIG_LOG_BUF_SHIFT=18\n'
    (real.home / "mine.config").write_text(text)
    python = real.run("config", "import", "mine.config").stdout
    real.define("imported.py", f"{python}\nit = kernels.linux_micro.override(extra_config=extra_config)\n")
    real.define("read.py", 'it = kernels.linux_micro.override(extra_config=fragment_file("mine.config"))')
    keys = [real.run("show", "-f", file, "it", "--json").stdout for file in ("imported.py", "read.py")]

    assert '"INET": "n"' in keys[0]
    assert keys[0] == keys[1]
