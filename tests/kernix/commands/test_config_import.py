"""`kernix config import`, and configurations from stdin."""

from __future__ import annotations

import gzip
import io
import lzma
import sys

from typing import TYPE_CHECKING, Any

import pytest

from derivations.kconfig.language.fragment import Fragment
from kernix.configs import files as config_files


if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kernix.conftest import CommandLine


def test_import(kernix: CommandLine) -> None:
    """A fragment becomes Python that makes the same requests."""
    kernix.write("x.config", 'CONFIG_NET=m\n# CONFIG_SWAP is not set\nCONFIG_NAME="a b"\nCONFIG_BASE=0x10\n')
    names: dict[str, Any] = {}
    exec(kernix("config", "import", "x.config").out, names)  # noqa: S102 -- it is there to be run
    assert ["BASE", "NAME", "NET", "SWAP"] == list(Fragment("pasted", names["extra_config"]).options)


def test_import_names_removed_options(kernix: CommandLine) -> None:
    """Options that a version has renamed or removed are named, unless they are off; of many, only the first ones."""
    kernix.write("x.config", "CONFIG_IXGB=m\nCONFIG_RETPOLINE=y\nCONFIG_NET=y\n# CONFIG_VXGE is not set\n")
    text = kernix("config", "import", "x.config").err
    assert ["IXGB", "RETPOLINE"] == [line.split()[1] for line in text.splitlines()]
    old = [
        f"CONFIG_PARIDE_{it}=m\n"
        for it in ("ATEN", "BPCK", "COMM", "DSTR", "EPAT", "EPIA", "FIT2", "FIT3", "FRIQ", "ON20")
    ]
    kernix.write("y.config", "".join(old))
    assert "2 more options are gone" in kernix("config", "import", "y.config").err


def test_import_of_an_invalid_file(kernix: CommandLine) -> None:
    """All errors in a file are reported at once."""
    kernix.write("x.config", "CONFIG_CONFIG_X=y\n\tCONFIG_Y=y\n")
    ran = kernix("config", "import", "x.config")
    assert (1, "", ["line 1", "line 2"]) == (ran.code, ran.out, [it for it in ("line 1", "line 2") if it in ran.err])


@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress])
def test_stdin(kernix: CommandLine, compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is stdin, plain or compressed; it may be named twice."""
    config = kernix.write("x.config", "CONFIG_NET=m\n#CONFIG_OLD=y\n")
    stdin = io.TextIOWrapper(io.BytesIO(compress(config.read_bytes())))
    monkeypatch.setattr(sys, "stdin", stdin)
    config_files._stdin.cache_clear()
    expected, ran = kernix("config", "import", config), kernix("config", "import", "-")

    assert (0, expected.out) == (ran.code, ran.out)
    assert 1 == ran.err.count("warning: stdin: line 2: ")
    assert "no options differ" in kernix("config", "diff", "-", config).out
    config_files._stdin.cache_clear()
