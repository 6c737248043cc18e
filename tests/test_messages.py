"""The messages that users see most, against their golden files."""

from __future__ import annotations

import pytest

from tests.golden.messages import MESSAGES, file_of


@pytest.mark.parametrize("name", MESSAGES)
def test_message(name: str) -> None:
    """A message reads as its golden file; `python -m tests.golden.write messages` writes these files again."""
    assert file_of(name).read_text() == MESSAGES[name]()


def test_every_golden_message_is_made() -> None:
    """No golden file is left of a message that is not made any more."""
    assert sorted(MESSAGES) == sorted(it.stem for it in file_of("any").parent.iterdir())
