"""Where kernix' own files and the user's are; `kernix.answers.cache` explains why almost nothing is imported here.

home             $KERNIX_HOME, else $XDG_DATA_HOME/kernix, else ~/.local/share/kernix
configuration    $XDG_CONFIG_HOME/kernix, else ~/.config/kernix
"""

from __future__ import annotations

import os


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The directory of kernix' own files."""

HOME = (("KERNIX_HOME", ""), ("XDG_DATA_HOME", "kernix"), ("HOME", ".local/share/kernix"))
"""Variables that name the home of the store, with the path below each; the first that is set counts."""

CONFIGURATION = (("XDG_CONFIG_HOME", "kernix"), ("HOME", ".config/kernix"))
"""Variables that name the directory of the user's configuration, with the path below each."""

SETTINGS = "config.toml"
LOCK = "kernix.lock"
PINS = "kernels.json"
CACHES = "caches.json"
TOKENS = "tokens.json"
OVERLAYS = "overlays"


def chosen(environment: Mapping[str, str], variables: Sequence[tuple[str, str]]) -> tuple[str, str, str] | None:
    """Return the first of *variables* that is set, its value, and the path below that; None if none is set."""
    return next(
        ((variable, value, below) for variable, below in variables if (value := environment.get(variable))), None
    )
