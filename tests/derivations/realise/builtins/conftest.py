"""Fixtures for the tests of builtins: a store, and a way to run one builtin as the realiser does."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.realise.apt.fetch import access
from derivations.realise.apt.mirrors import _asked
from derivations.realise.builtins.registry import find
from derivations.realise.job import Job
from derivations.realise.settings import Settings
from store.local import Store
from store.trees.adopt import adopt
from store.trees.hash_tree import content_of
from tests.derivations.realise.scripted_server import ScriptedServer


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from derivations.derivation import Derivation


@attrs.define(kw_only=True)
class Runner:
    """Runs builtins, each in its own directory."""

    store: Store
    directory: Path
    settings: Settings = attrs.field(factory=lambda: Settings(retries=1, connect_timeout=20, read_timeout=20))
    cancelled: bool = False
    progress: list[tuple[int, int | None]] = attrs.field(factory=list)
    warnings: list[str] = attrs.field(factory=list)
    runs: int = 0

    def __call__(self, derivation: Derivation, inputs: Mapping[str, Path] | None = None) -> Path:
        """Return the canonical output of *derivation*, after checking that the builtin returned its content."""
        self.runs += 1
        out = self.directory / str(self.runs)
        out.mkdir(parents=True)
        job = Job(
            derivation=derivation,
            inputs=inputs or {},
            out=out,
            store=self.store,
            settings=self.settings,
            progress=lambda done, expected: self.progress.append((done, expected)),
            cancelled=lambda: self.cancelled,
            warn=self.warnings.append,
        )
        content = find(derivation.builder)(job)
        assert sorted(it.name for it in out.iterdir()) == sorted(derivation.outputs)
        if content is None:
            for name in derivation.outputs:
                adopt(out / name, self.store.pool)
        else:
            assert content_of(out / "out") == content
        return out / "out"

    def tree(self, name: str, files: Mapping[str, str]) -> Path:
        """Return a canonical tree of *files*, path to text; `-> target` is a symbolic link, a path with a slash a directory."""
        self.runs += 1
        place = self.directory / f"{self.runs}-{name}"
        place.mkdir(parents=True)
        for path, text in files.items():
            file = place / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if path.endswith("/"):
                file.mkdir()
            elif text.startswith("-> "):
                file.symlink_to(text[3:])
            else:
                file.write_text(text)
                file.chmod(0o755 if text.startswith("#!") else 0o644)
        adopt(place, self.store.pool)
        return place


def listing(root: Path) -> dict[str, str]:
    """Return the tree *root* as `Runner.tree` takes it."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"  # noqa: PTH115 -- a Path would normalise the target
        elif path.is_file():
            found[name] = path.read_text()
        elif not any(path.iterdir()):
            found[f"{name}/"] = ""
    return found


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Runner]:
    """Return a runner of builtins on an empty store."""
    with Store.open(tmp_path / "home") as store:
        yield Runner(store=store, directory=tmp_path / "home/builds/run")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Return a server on the loopback interface."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the machine's apt, so that its mirrors are not contacted."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for asked in (_asked, access):
        asked.cache_clear()
    yield
    for asked in (_asked, access):
        asked.cache_clear()
