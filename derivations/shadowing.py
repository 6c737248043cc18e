"""Check that `import store`, `import kernels` and so on find kernix' own packages.

These are plain names, and other projects use them too: Hugging Face's `kernels`, a
user's `store.py`. Without this check the first import that goes wrong ends in a traceback that names
neither kernix nor the other project.

A name is ours if the file that Python finds is the one beside this package and contains `MARK`:
a distribution that is installed later may overwrite the file. The check costs a few stats
and one read for each name. More is loaded only if there is a problem.

This module imports nothing else of kernix, so that it works when everything else is shadowed;
`kernix.__main__` loads it by its path.
"""

from __future__ import annotations

import sys

from importlib.machinery import PathFinder
from pathlib import Path


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


ROOT = Path(__file__).absolute().parents[1]
"""The directory of kernix' own files."""

FILES = {
    "store": "store/__init__.py",
    "derivations": "derivations/__init__.py",
    "overlays": "overlays/__init__.py",
    "kernels": "kernels.py",
}
"""The file of each name, below `ROOT`."""

MARK = b'__part_of__ = "kernix"'
"""What each of these files contains."""

_OWN_ENVIRONMENT = "in an environment of its own, such as `uv tool install`, `pipx install` or `python3 -m venv` makes"


class PackageShadowed(ImportError):
    """Another project's module is imported instead of a part of kernix.

    An ImportError rather than a `store.errors.Error`: `store` itself may be shadowed.

    Attributes:
        name: The imported name.
        path: The file that Python finds; None if it finds none.
        owner: The distribution that installed this file, with its version; None if unknown.
        hint: What to do.
    """

    def __init__(self, name: str, path: str | None, owner: str | None, hint: str) -> None:
        whose = f" of the package {owner}" if owner else ""
        if path is None:
            sentence = f"`{name}`, a part of kernix, is missing from {ROOT}"
        else:
            sentence = f"`import {name}` finds {path}{whose}, which is not a part of kernix"
        super().__init__(f"{sentence}; {hint}", name=name, path=path)
        self.sentence = sentence
        self.owner = owner
        self.hint = hint


def shadowed(names: Iterable[str] = FILES) -> PackageShadowed | None:
    """Return the error for the first of *names* that is not kernix' own; None if all are."""
    for name in names:
        spec = PathFinder.find_spec(name)
        found = None if spec is None else spec.origin
        if found is None:
            return PackageShadowed(name, None, None, f"install kernix again, {_OWN_ENVIRONMENT}")
        if Path(found) != ROOT / FILES[name] or not _marked(Path(found)):
            owner = _owner(Path(found))
            return PackageShadowed(name, found, owner, _hint(Path(found), owner))
    return None


def _marked(file: Path) -> bool:
    try:
        return MARK in file.read_bytes()
    except OSError:
        return False


def _owner(file: Path) -> str | None:
    """Return the distribution, other than kernix, that installed *file*, as `name version`."""
    from importlib import metadata  # noqa: PLC0415 -- start-up: it loads half of the standard library

    # `kernels/__init__.py` of a package, `kernels.py` of a module.
    ends = (file.name, f"{file.parent.name}/{file.name}")
    for distribution in metadata.distributions():
        if distribution.name == "kernix":
            continue
        for it in distribution.files or ():
            if str(it) in ends and Path(str(it.locate())).resolve() == file.resolve():
                return f"{distribution.name} {distribution.version}"
    return None


def _hint(file: Path, owner: str | None) -> str:
    module = file.parent if file.name == "__init__.py" else file
    if owner is not None or module.parent == ROOT:
        return f"install kernix {_OWN_ENVIRONMENT}"
    if not sys.flags.safe_path and module.parent == Path(sys.path[0]).absolute():
        return f"rename {module}, or run Python with -P, which does not look in {module.parent} first"
    return f"take {module.parent} out of PYTHONPATH, or rename {module}"
