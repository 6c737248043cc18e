"""What in a guest's console explains its end."""

from __future__ import annotations

import pytest

from derivations.realise.guest.console import Console


def console(text: str) -> Console:
    """Return a console with *text*, which came in pieces."""
    found = Console()
    for start in range(0, len(text), 7):
        found.add(text[start : start + 7].encode())
    return found


@pytest.mark.parametrize(
    "first",
    [
        "Kernel panic - not syncing: sysrq triggered crash",
        "[    1.2] BUG: kernel NULL pointer dereference, address: 0000000000000000",
        "Oops: general protection fault, 0000 [#1]",
    ],
)
def test_the_console_from_the_first_failure_on(first: str) -> None:
    """The cause is before the stack, so the tail would not show it."""
    found = console(
        f"Linux version\r\nbooting\r\n{first}\r\n\r\nCall Trace:\r\n  dump_stack\r\nKernel panic: again\r\n"
    )
    assert (first, "Call Trace:", "  dump_stack", "Kernel panic: again") == found.failure == found.explanation


def test_without_a_failure_the_last_lines_explain() -> None:
    """There are at most 20 of them."""
    found = console("".join(f"line {number}\n" for number in range(100)))
    assert () == found.failure
    assert tuple(f"line {number}" for number in range(80, 100)) == found.explanation


def test_bytes_that_are_no_text() -> None:
    """They are shown escaped."""
    found = Console()
    found.add(b"\xff\x00ok\r\n")
    assert "\\xff\x00ok\n" == found.text
