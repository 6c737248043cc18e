"""Tests of kernels with only the modules of their machines (`only_hardware`)."""

from __future__ import annotations

import json

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import using
from derivations.fetch import fetch_url
from derivations.hardware.snapshot import Fact, FactKind, Snapshot
from derivations.kconfig.language.values import NO, YES
from derivations.linux.arguments import InvalidArgument
from derivations.linux.kernel import Kernel, make_linux
from tests.fakes import fake_context


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


SOURCE = fetch_url("https://cdn.kernel.org/linux-6.12.tar.xz", sha256="0" * 64)


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    """Evaluate with a made-up lock."""
    with using(fake_context()):
        yield


def make(**changes: Any) -> Kernel:  # noqa: ANN401 -- what a test gives
    """Return a kernel with *changes*."""
    return make_linux(**{"version": "6.12", "source": SOURCE, **changes})


def write(file: Path, arch: str, version: str = "6.12.1", last: str = "# end of Kernel hacking\n") -> Path:
    """Write a `.config` to *file* and return it."""
    file.write_text(
        "#\n# Automatically generated file; DO NOT EDIT.\n"
        f"# Linux/{arch} {version} Kernel Configuration\n#\nCONFIG_A=y\n# end of A\n{last}"
    )
    return file


def test_only_the_modules_of_the_machine() -> None:
    """Such a kernel switches off unneeded modules, below its requests; patterns and requests keep modules."""
    machine = Snapshot.of([Fact(FactKind.MODULE, "ext4")], "laptop")
    whole = make(hardware=machine)
    small = whole.override(only_hardware=True)
    listed = small.override(keep_modules=["zram", "USB_*"], extra_config={"KGDB": YES, "KVM": NO})

    assert whole.dropped_options is None
    assert small.dropped_options is not None
    assert small.configuration != whole.configuration
    assert listed.dropped_options is not None
    env = listed.dropped_options.derivation.env
    assert ["USB_*", "zram"] == json.loads(env["keep"])
    assert "KGDB" in json.loads(env["needed"])
    assert "KVM" not in json.loads(env["needed"])
    assert small.override(keep_modules=["a", "b"]) == small.override(keep_modules=["b", "a", "b"])


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"only_hardware": True}, "only_hardware"),
        ({"keep_modules": ["x"]}, "keep_modules"),
        ({"keep_modules": "zram"}, "keep_modules"),
        ({"keep_modules": ["a b"]}, "keep_modules"),
        ({"keep_modules": [""]}, "keep_modules"),
        ({"only_hardware": "yes"}, "only_hardware"),
    ],
)
def test_invalid_trims(arguments: dict[str, object], argument: str) -> None:
    """A trim requires machines, and patterns are a list of strings."""
    with pytest.raises(InvalidArgument) as error:
        make(**arguments)

    assert argument == error.value.argument


def test_a_trim_of_a_strict_base(tmp_path: Path) -> None:
    """A trim, which drops modules of the base, cannot be combined with a strict base."""
    machine = Snapshot.of([Fact(FactKind.MODULE, "ext4")], "laptop")
    with pytest.raises(InvalidArgument, match="cannot be strict"):
        make(base=write(tmp_path / "x", "x86"), hardware=machine, only_hardware=True, strict_base=True)
