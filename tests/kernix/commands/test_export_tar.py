"""`kernix export tar`, and pulling from such a file."""

from __future__ import annotations

import tarfile

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


@pytest.fixture
def carried(kernix: CommandLine, hello: Path) -> Path:
    """Return a file with `hello`, signed by a key that is trusted."""
    assert kernix("key", "generate", "me-1").code == 0
    assert kernix("key", "trust", "me-1").code == 0
    assert kernix("build", "-f", hello, "hello", "--no-link").code == 0
    assert kernix("export", "tar", "out.tar", "-f", hello, "hello").code == 0
    return kernix.work / "out.tar"


def test_another_machine_pulls_from_the_file(
    kernix: CommandLine, hello: Path, carried: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an empty store, the file gives the object, as the result of its derivation."""
    monkeypatch.setenv("KERNIX_HOME", str(kernix.top / "empty"))
    ran = kernix("pull", "--from", carried.as_uri(), "-f", hello, "hello")
    assert (ran.code, ran.lines[0].endswith("-hello")) == (0, True)
    ran = kernix("build", "-f", hello, "hello", "--no-link", "--json")
    assert [it["status"] for it in ran.json] == ["present"]
    assert kernix("cache", "verify", carried.as_uri()).code == 0


def test_all_of_a_file_is_pulled(
    kernix: CommandLine, hello: Path, carried: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file alone names everything in it: what was exported is printed, and is the result of its derivation."""
    monkeypatch.setenv("KERNIX_HOME", str(kernix.top / "empty"))
    ran = kernix("pull", carried.name)
    assert (ran.code, [it.rpartition("-")[2] for it in ran.lines]) == (0, ["hello"])
    ran = kernix("build", "-f", hello, "hello", "--no-link", "--json")
    assert [it["status"] for it in ran.json] == ["present"]


@pytest.mark.parametrize("content", [b"", b"text" * 400, b"\0" * 10240], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_cache(kernix: CommandLine, content: bytes) -> None:
    """A file that is something else is one sentence."""
    (kernix.work / "other.tar").write_bytes(content)
    ran = kernix("pull", "other.tar")
    assert (ran.code, ran.err.count("error: ")) == (1, 1)


def test_the_key_has_to_be_trusted(
    kernix: CommandLine, hello: Path, carried: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is believed no more than any other cache."""
    assert kernix("key", "distrust", "me-1").code == 0
    monkeypatch.setenv("KERNIX_HOME", str(kernix.top / "empty"))
    ran = kernix("pull", "--from", carried.as_uri(), "-f", hello, "hello")
    assert (ran.code, "is unknown" in ran.err) == (1, True)


def test_the_same_objects_make_the_same_bytes(kernix: CommandLine, hello: Path, carried: Path) -> None:
    """Members are sorted, and have neither times nor owners."""
    assert kernix("export", "tar", "again.tar", "-f", hello, "hello").code == 0
    assert (kernix.work / "again.tar").read_bytes() == carried.read_bytes()
    with tarfile.open(carried) as archive:
        members = archive.getmembers()
    assert [it.name for it in members] == sorted(it.name for it in members)
    assert {(it.mtime, it.uid, it.gid, it.uname, it.mode) for it in members} == {(0, 0, 0, "", 0o644)}


def test_nothing_is_pushed_to_it(kernix: CommandLine, hello: Path, carried: Path) -> None:
    """It is only read, and the error names what writes one."""
    before = carried.read_bytes()
    assert kernix("build", "-f", hello, "other", "--no-link").code == 0
    ran = kernix("push", "-f", hello, "other", "--to", carried.as_uri())
    assert (ran.code, "`kernix export tar` writes one" in ran.err) == (1, True)
    assert carried.read_bytes() == before


def _member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, "/etc/passwd"
    return member.tobuf()


_END = bytes(1024)
HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "a symbolic link": lambda _: _member("kernix-cache", tarfile.SYMTYPE) + _END,
    "a hard link": lambda _: _member("kernix-cache", tarfile.LNKTYPE) + _END,
    "a device": lambda _: _member("kernix-cache", tarfile.CHRTYPE) + _END,
    "a directory": lambda _: _member("infos", tarfile.DIRTYPE) + _END,
    "a name that leads out": lambda _: _member("infos/../../x") + _END,
    "an absolute name": lambda _: _member("/infos/x") + _END,
    "another name": lambda _: _member("\x1b[2J") + _END,
    "a name twice": lambda data: data[:1024] + data,
    "more bytes than there are": lambda _: _member("kernix-cache", size=1 << 45) + _END,
    "cut": lambda data: data[: len(data) // 2 + 100],
    "cut in a header": lambda data: data[:100],
    "headers without end": lambda _: _member("x", tarfile.GNUTYPE_LONGNAME) * 5000 + _END,
    "no tar file": lambda _: b"hello" * 1000,
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_one_sentence(
    kernix: CommandLine, hello: Path, carried: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """It is refused, nothing gets into the store, and the terminal is left alone."""
    carried.write_bytes(HOSTILE[what](carried.read_bytes()))
    monkeypatch.setenv("KERNIX_HOME", str(kernix.top / "empty"))
    ran = kernix("cache", "info", carried.as_uri())
    assert (ran.code, ran.err.count("error: "), "\x1b" in ran.err) == (1, 1, False)
    assert kernix("pull", "--from", carried.as_uri(), "-f", hello, "hello").code == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [(["x.zip", "hello"], 2), (["nonexistent/x.tar", "hello"], 1), (["x.tar", "unknown"], 2), ([], 2)],
)
def test_bad_input_is_one_sentence(
    kernix: CommandLine, hello: Path, carried: Path, words: list[str], code: int
) -> None:
    """What cannot be done is an error with its exit code, and leaves nothing."""
    ran = kernix("export", "tar", "-f", hello, *words)
    assert (ran.code, ran.err.count("error: ")) == (code, 1)
    assert sorted(it.name for it in kernix.work.iterdir()) == sorted({carried.name, hello.name})
