"""`kernix config edit` up to the start of the editor; `tests/test_real_config.py` edits in a real one."""

from __future__ import annotations

import os

import pytest

from kernix.commands.config.edit import TerminalTooSmall, check_size


@pytest.mark.parametrize(
    ("target", "columns", "lines", "fits"),
    [
        pytest.param("menuconfig", 80, 19, True, id="just-enough"),
        pytest.param("menuconfig", 79, 50, False, id="narrow"),
        pytest.param("menuconfig", 200, 18, False, id="low"),
        pytest.param("nconfig", 75, 20, True, id="nconfig"),
        pytest.param("nconfig", 80, 19, False, id="nconfig-low"),
        pytest.param("menuconfig", 0, 0, True, id="unknown"),
    ],
)
def test_an_editor_needs_a_terminal_of_some_size(target: str, columns: int, lines: int, fits: bool) -> None:
    """If the editor would exit at once, it is not started, and both sizes are reported."""
    if fits:
        check_size(target, os.terminal_size((columns, lines)))
        return
    with pytest.raises(TerminalTooSmall) as caught:
        check_size(target, os.terminal_size((columns, lines)))
    assert (target, (columns, lines)) == (caught.value.target, caught.value.size)
