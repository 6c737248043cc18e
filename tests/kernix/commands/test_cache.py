"""`kernix cache`, `push` and `pull`, and builds that fetch instead."""

from __future__ import annotations

import json
import stat

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


FILE = """
from derivations.source import text_file
from derivations.union import UnionLayout, union

joined = union("joined", [], UnionLayout(files={"greeting": "hello\\n"}))
above = union("above", [joined], UnionLayout(files={"more": "more\\n"}))
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the URL of a directory that does not exist yet."""
    return (tmp_path / "shared").as_uri()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with definitions."""
    place = tmp_path / "my.py"
    place.write_text(FILE)
    return place


@pytest.fixture
def shared(kernix: CommandLine, url: str, file: Path) -> CommandLine:
    """Return a command line with a key that is trusted, and a cache that has `joined`."""
    assert kernix("key", "generate", "me-1").code == 0
    assert kernix("key", "trust", "me-1").code == 0
    assert kernix("cache", "add", "team", url).code == 0
    assert kernix("build", "-f", file, "joined", "--no-link").code == 0
    assert kernix("push", "-f", file, "joined").code == 0
    return kernix


def forget(kernix: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on with an empty store."""
    monkeypatch.setenv("KERNIX_HOME", str(kernix.top / "empty"))


def test_a_build_fetches_what_a_trusted_cache_has(
    shared: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result that somebody else built is fetched, and the build says from where."""
    forget(shared, monkeypatch)
    ran = shared("build", "-f", file, "joined", "--no-link", "--json")
    assert "fetched joined from the cache team" in ran.err
    assert [it["status"] for it in ran.json] == ["fetched"]


def test_an_input_is_fetched(shared: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not in a cache is built from what is."""
    forget(shared, monkeypatch)
    ran = shared("build", "-f", file, "above", "--no-link", "--json")
    assert "fetched joined from the cache team" in ran.err
    assert [it["status"] for it in ran.json] == ["built"]


def test_no_caches_builds(shared: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--no-caches` nothing is looked up."""
    forget(shared, monkeypatch)
    ran = shared("build", "-f", file, "joined", "--no-link", "--no-caches", "--json")
    assert [it["status"] for it in ran.json] == ["built"]


def test_a_dry_run_says_what_would_be_fetched(shared: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched, but named, with the cache."""
    forget(shared, monkeypatch)
    assert "1 result would be fetched from caches" in shared("build", "-f", file, "joined", "--dry-run").out
    (found,) = shared("build", "-f", file, "joined", "--dry-run", "--json").json["substitute"]
    assert (found["name"], found["cache"]) == ("joined", "team")


def test_what_is_not_trusted_is_built_and_said(
    shared: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result of a key that is not trusted is not taken, and the build says why."""
    assert shared("key", "distrust", "me-1").code == 0
    forget(shared, monkeypatch)
    ran = shared("build", "-f", file, "joined", "--no-link", "--json")
    assert "the key `me-1`, which signed it, is unknown" in ran.err
    assert [it["status"] for it in ran.json] == ["built"]


def test_a_key_for_objects_decides_no_result(shared: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is trusted for objects alone lets objects be pulled, but no build be replaced."""
    path = shared("build", "-f", file, "joined", "--no-link").lines[0]
    assert shared("key", "trust", "me-1", "--for", "objects").code == 0
    forget(shared, monkeypatch)
    assert "not trusted for results" in shared("build", "-f", file, "joined", "--no-link", "--no-link").err
    monkeypatch.setenv("KERNIX_HOME", str(shared.top / "third"))
    assert shared("pull", path).lines[0].endswith("-joined")
    assert shared("pull", "-f", file, "joined").code == 1


def test_pulling_an_attribute_makes_it_built(shared: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `pull ATTR` there is nothing to build."""
    forget(shared, monkeypatch)
    assert shared("pull", "-f", file, "joined").lines[0].endswith("-joined")
    ran = shared("build", "-f", file, "joined", "--no-link", "--json")
    assert [it["status"] for it in ran.json] == ["present"]


def test_what_was_built_is_pushed(shared: CommandLine, file: Path, url: str) -> None:
    """With `post_build` in config.toml, a build pushes its results."""
    shared.configure('post_build = "team"\n')
    assert shared("build", "-f", file, "above", "--no-link").code == 0
    assert shared("cache", "info", url, "--json").json["objects"] == 2


def test_a_damaged_cache_is_repaired(shared: CommandLine, tmp_path: Path) -> None:
    """`verify` finds a flipped bit, `--repair` pushes the object again."""
    blob = max((tmp_path / "shared" / "blobs").rglob("*"), key=lambda it: it.stat().st_size if it.is_file() else 0)
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    ran = shared("cache", "verify", "team")
    assert (ran.code, blob.name in ran.out) == (1, True)
    assert shared("cache", "verify", "team", "--repair").code == 0
    assert shared("cache", "verify", "team").code == 0


def test_outputs_of_one_derivation_are_told_apart(
    kernix: CommandLine, url: str, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is fetched, and what would be, is called by the names of the objects, which name the output."""
    kernix("key", "generate", "me-1")
    kernix("key", "trust", "me-1")
    kernix("cache", "add", "team", url)
    assert kernix("build", "-f", scripts, "two", "two.dev", "--no-link").code == 0
    assert kernix("push", "-f", scripts, "two", "two.dev").code == 0
    forget(kernix, monkeypatch)
    planned = [it.split()[0] for it in kernix("build", "-f", scripts, "two", "two.dev", "--dry-run").lines[1:]]
    assert sorted(planned) == ["two", "two-dev"]
    told = kernix("build", "-f", scripts, "two", "two.dev", "--no-link").err
    assert "fetched two from the cache team" in told
    assert "fetched two-dev from the cache team" in told


def test_a_cache_that_does_not_exist_yet_is_no_fault(kernix: CommandLine, url: str) -> None:
    """Adding it is not a warning, and reading it names the command that creates it."""
    ran = kernix("cache", "add", "team", url)
    assert f"there is no cache at {url} yet; the first `kernix push` creates it" in ran.err
    assert "not a cache that this kernix can use" not in ran.err
    ran = kernix("cache", "info", "team")
    assert (ran.code, f"there is no cache at {url} yet" in ran.err) == (1, True)


def test_a_place_that_cannot_be_written_is_named_with_the_reason(shared: CommandLine, file: Path) -> None:
    """A push to a directory that cannot be created says that, not that the cache lacks a file."""
    ran = shared("push", "-f", file, "joined", "--to", "file:///proc/x")
    assert ran.code == 1
    assert "file:///proc/x cannot be used: kernix-cache cannot be written: no such file or directory" in ran.err


@pytest.mark.parametrize("words", [["info"], ["verify"], ["gc"]])
def test_without_a_name_it_is_the_first_cache(shared: CommandLine, words: list[str]) -> None:
    """Verbs about one cache take the first of the list, and say which that is."""
    shared("cache", "add", "later", "file:///nonexistent")
    ran = shared("cache", *words)
    assert (ran.code, "the first cache of the list is team" in ran.err) == (0, True)
    shared("cache", "remove", "team")
    shared("cache", "remove", "later")
    ran = shared("cache", *words)
    assert (ran.code, "no cache is known" in ran.err) == (2, True)


def test_info_about_an_object_in_the_first_cache(shared: CommandLine, file: Path) -> None:
    """A store path alone is not taken for the name of a cache."""
    path = shared("build", "-f", file, "joined", "--no-link").lines[0]
    ran = shared("cache", "info", path, "--json")
    assert path.endswith(ran.json["path"])


@pytest.mark.parametrize(("name", "hint"), [("taem", "did you mean `team`?"), ("elsewhere", "the list has `team`")])
@pytest.mark.parametrize("verb", ["info", "verify", "gc", "remove"])
def test_a_wrong_name_has_a_hint(kernix: CommandLine, url: str, verb: str, name: str, hint: str) -> None:
    """The name that was meant, or else those there are."""
    kernix("cache", "add", "team", url)
    ran = kernix("cache", verb, name)
    assert (ran.code, f"hint: {hint}" in ran.err) == (2, True)


def test_the_list_is_kept_in_order(kernix: CommandLine, url: str) -> None:
    """Caches are asked in the order in which they were added, but `--first` comes first; credentials are not shown."""
    kernix("cache", "add", "one", url)
    kernix("cache", "add", "--first", "two", "https://me:secret@example.org/cache/")
    listed = kernix("cache", "list", "--json")
    assert [it["name"] for it in listed.json] == ["two", "one"]
    assert "secret" not in listed.out
    assert kernix("cache", "remove", "two").code == 0
    assert json.loads(kernix("cache", "list", "--json").out) == [{"name": "one", "url": url}]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["add", "no name", "file:///x"], 2),
        (["add", "x", "ftp://example.org/"], 2),
        (["add", "x", "file://host/x"], 2),
        (["add", "x", "no-url"], 2),
        (["remove", "unknown"], 2),
        (["info", "unknown"], 2),
        (["info", "file:///nonexistent"], 1),
        (["verify", "file:///nonexistent"], 1),
        (["gc", "file:///nonexistent"], 1),
    ],
)
def test_bad_input_is_one_sentence(kernix: CommandLine, words: list[str], code: int) -> None:
    """What cannot be done is an error with its exit code."""
    ran = kernix("cache", *words)
    assert (ran.code, ran.err.count("error: ")) == (code, 1)


def test_passwords_in_urls_are_the_users_alone(kernix: CommandLine) -> None:
    """The file that lists the caches can be read by nobody else, whatever the umask, and what is printed has no password."""
    ran = kernix("cache", "add", "team", "http://me:secret@127.0.0.1:1/kernix")
    place = kernix.config / "caches.json"
    assert "secret" in place.read_text()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert "secret" not in ran.out + ran.err + kernix("cache", "list").out


def test_a_dry_run_asks_caches_without_creating_a_store(
    shared: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that starts empty, it says what would be fetched, and leaves nothing."""
    forget(shared, monkeypatch)
    assert "1 result would be fetched from caches" in shared("build", "-f", file, "joined", "--dry-run").out
    assert not (shared.top / "empty").exists()
