"""The tree of errors in docs/python.md names every error that a caller of the library may catch."""

from __future__ import annotations

import gc
import importlib

from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator


ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/python.md"
LIBRARY = ("store", "derivations", "overlays", "kernels")
"""What a Python program imports; `kernix` is the command, and catches its errors itself."""

_WIDTH = 34


def _import_everything() -> None:
    for top in LIBRARY:
        for path in [*ROOT.glob(f"{top}.py"), *sorted(ROOT.glob(f"{top}/**/*.py"))]:
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            importlib.import_module(module.removesuffix(".__init__"))
    gc.collect()  # attrs replaces a class that has slots by another one, and the first one stays until then


def _kinds(error: type[Error]) -> list[type[Error]]:
    found = [it for it in error.__subclasses__() if it.__module__.partition(".")[0] in LIBRARY]
    floors = {name: place for place, name in enumerate(LIBRARY)}
    return sorted(found, key=lambda it: (floors[it.__module__.partition(".")[0]], it.__module__, it.__name__))


def _line(error: type[Error], prefix: str) -> str:
    code = f", exit code {error.exit_code}" if error.exit_code != Error.exit_code else ""
    return f"{prefix}{error.__name__}".ljust(_WIDTH) + f" {error.__module__}{code}"


def _tree(error: type[Error], indent: str = "") -> Iterator[str]:
    kinds = _kinds(error)
    for kind in kinds:
        last = kind is kinds[-1]
        yield _line(kind, f"{indent}{'└' if last else '├'}── ")
        yield from _tree(kind, f"{indent}{' ' if last else '│'}   ")


def test_the_tree_of_errors_is_complete() -> None:
    """The page has the tree as the modules have it; where it has not, this prints the tree to put there."""
    _import_everything()
    tree = "\n".join([_line(Error, ""), *_tree(Error)])
    assert f"```text\n{tree}\n```" in PAGE.read_text(), tree
