"""Commands in hints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernix.output.hints import command_for


@pytest.mark.parametrize(
    ("words", "command"),
    [
        pytest.param({}, "kernix log a", id="bare"),
        pytest.param({"file": None, "overlays": (), "lock": None, "system": "x86_64-linux"}, "kernix log a", id="usual"),
        pytest.param({"file": Path("my file.py")}, "kernix log -f 'my file.py' a", id="file"),
        pytest.param({"overlays": ("debug", "x.py")}, "kernix log --overlay debug --overlay x.py a", id="overlays"),
        pytest.param({"lock": Path("l"), "system": "riscv64-linux"}, "kernix log --lock l --system riscv64-linux a", id="both"),
    ],
)  # fmt: skip
def test_a_command_can_be_typed_as_it_is(words: dict[str, Any], command: str) -> None:
    """A command has the options that select the attribute, except for defaults."""
    assert command == command_for("log", "a", words)
