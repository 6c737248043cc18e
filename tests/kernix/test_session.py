"""The session: what the command line and the configuration choose together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.realise.kept.policy import KeepPolicy
from kernix.session import Session


if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("config", "chosen", "kept"),
    [
        pytest.param("", {}, KeepPolicy(), id="default"),
        pytest.param("", {"clean": None}, KeepPolicy(), id="not-given"),
        pytest.param("", {"clean": True}, KeepPolicy(enabled=False), id="clean"),
        pytest.param('[kept]\nmax_size = "1G"\n', {}, KeepPolicy(max_size=1 << 30), id="configured"),
        pytest.param("[kept]\nenabled = false\n", {}, KeepPolicy(enabled=False), id="switched-off"),
        pytest.param('[kept]\nmax_size = "1G"\n', {"clean": True}, KeepPolicy(enabled=False), id="both"),
    ],
)
def test_kept_trees(tmp_path: Path, config: str, chosen: dict[str, bool | None], kept: KeepPolicy) -> None:
    """`--clean` overrides the configuration, for this run."""
    (tmp_path / "kernix").mkdir()
    (tmp_path / "kernix/config.toml").write_text(config)
    session = Session({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})

    assert session.settings(**chosen).kept == kept
    assert session.keep_policy == (
        session.configuration.settings.get("kept", KeepPolicy()) if session.configuration else None
    )


@pytest.mark.parametrize(("chosen", "cache"), [({}, "ccache"), ({"clean": True}, None)], ids=["configured", "clean"])
def test_compile_cache(tmp_path: Path, chosen: dict[str, bool], cache: str | None) -> None:
    """A clean build has no compile cache, whatever is configured."""
    (tmp_path / "kernix").mkdir()
    (tmp_path / "kernix/config.toml").write_text('compile_cache = "ccache"\n')
    session = Session({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})

    assert session.settings(**chosen).compile_cache == cache
