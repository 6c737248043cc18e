"""The commands in hints have the verb's selection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernix.evaluation.inputs import Options
from kernix.evaluation.selection import completed, forget, select


if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _nothing_before() -> Iterator[None]:
    """Begin and end with no selection."""
    forget()
    yield
    forget()


FILE = Options(file=Path("my kernels.py"))
ALL = Options(file=Path("k.py"), overlays=("debug", "x.py"), lock=Path("l.lock"), system="aarch64-linux")


@pytest.mark.parametrize(
    ("options", "attribute", "text", "expected"),
    [
        pytest.param(FILE, "mine", "`kernix config fix mine` helps", "`kernix config fix -f 'my kernels.py' mine` helps", id="file"),
        pytest.param(
            ALL, "mine", "`kernix config fix mine`",
            "`kernix config fix -f k.py --overlay debug --overlay x.py --lock l.lock --system aarch64-linux mine`", id="all",
        ),
        pytest.param(Options(), "mine", "`kernix config fix mine`", "`kernix config fix mine`", id="nothing"),
        pytest.param(FILE, "mine", "`kernix config check` says why", "`kernix config check -f 'my kernels.py' mine` says why", id="attribute"),
        pytest.param(Options(), None, "`kernix config check` says why", "`kernix config check` says why", id="several-attributes"),
        pytest.param(FILE, "a", "`kernix list` and `kernix gc`", "`kernix list -f 'my kernels.py'` and `kernix gc`", id="other-verbs"),
        pytest.param(FILE, "a", "`kernix config import x`", "`kernix config import x`", id="a-verb-that-selects-nothing"),
        pytest.param(FILE, "a", "`kernix build -f b.py a`", "`kernix build -f b.py a`", id="said-already"),
        pytest.param(FILE, "a", "`kernix boot --help`", "`kernix boot --help`", id="help"),
        pytest.param(FILE, "a", "`kernix buildings`", "`kernix buildings`", id="another-word"),
    ],
)  # fmt: skip
def test_commands(options: Options, attribute: str | None, text: str, expected: str) -> None:
    """Each command in a text gets the selecting words, unless it has them or takes none."""
    select(options, attribute)

    assert expected == completed(text)
