"""`kernix challenge`: who has the same result, who another one, and what differs."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import attrs
import pytest


if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernix.conftest import CommandLine, Ran


FILE = """
from derivations.derivation import Derivation
from derivations.source import local_source

root = local_source({root!r})
stamp = Derivation(
    name="stamp", system="x86_64-linux", builder="/bin/sh", outputs=["out", "dev"], mounts={{"/": root.out}},
    args=["-c", "read id < /proc/sys/kernel/random/uuid; echo same > /out/dev; echo built as $id > /out/out"],
)
"""


@attrs.frozen
class Machines:
    """Two machines, each with a key and a cache that has what it built; this one is the first."""

    kernix: CommandLine
    file: Path
    monkeypatch: pytest.MonkeyPatch

    def go_to(self, machine: str) -> None:
        """Go on as *machine*, which may be a new one."""
        self.monkeypatch.setenv("KERNIX_HOME", str(self.kernix.top / machine))
        self.monkeypatch.setenv("XDG_CONFIG_HOME", str(self.kernix.top / f"{machine}-config"))

    def url(self, machine: str) -> str:
        """Return the URL of the cache of *machine*."""
        return (self.kernix.top / f"{machine}-cache").as_uri()

    def build(self, machine: str) -> None:
        """Build and push as *machine*."""
        self.go_to(machine)
        assert self.kernix("key", "generate", f"{machine}-1").code == 0
        assert self.kernix("key", "trust", f"{machine}-1").code == 0
        assert self.kernix("cache", "add", machine, self.url(machine)).code == 0
        assert self.kernix("build", "-f", self.file, "stamp", "stamp.dev", "--no-link").code == 0
        assert self.kernix("push", "-f", self.file, "stamp", "stamp.dev").code == 0

    def challenge(self, *words: str) -> Ran:
        """Run the verb."""
        return self.kernix("challenge", "-f", self.file, "stamp", *words)

    def documents(self, machine: str, folder: str) -> list[Path]:
        """Return the infos or results in the cache of *machine*."""
        return [it for it in (self.kernix.top / f"{machine}-cache" / folder).rglob("*") if it.is_file()]

    def change(self, machine: str, folder: str, **facts: object) -> None:
        """Change *facts* of every document in a folder of the cache of *machine*."""
        for file in self.documents(machine, folder):
            file.write_text(json.dumps(json.loads(file.read_bytes()) | facts))


@pytest.fixture
def machines(kernix: CommandLine, shell: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Return two machines that got different results."""
    found = Machines(kernix, kernix.write("stamp.py", FILE.format(root=str(shell))), monkeypatch)
    found.build("two")
    found.build("one")
    return found


def claim(ran: Ran, output: str, who: str) -> dict[str, Any]:
    """Return what *who* has as *output*."""
    claims: list[dict[str, Any]] = ran.json["outputs"][output]["claims"]
    (found,) = [it for it in claims if it["who"] == who]
    return found


def row(ran: Ran, output: str, who: str) -> str:
    """Return the line of the table about *who* and *output*."""
    (found,) = [it for it in ran.lines if it.split()[:1] == [output] and who in it]
    return found


def test_those_who_agree(machines: Machines) -> None:
    """This machine and its own cache have the same."""
    ran = machines.challenge()
    assert (ran.code, ran.err) == (0, "all agree on stamp: 2 have the same\n")
    assert "agrees  one-1" in row(ran, "out", "one")


def test_a_difference_is_shown_with_its_cause(machines: Machines) -> None:
    """The other object is fetched, compared and reported; the output that is the same agrees."""
    ran = machines.challenge("--cache", "one", "--cache", machines.url("two"))
    assert ran.code == 104
    assert "the results of stamp differ: out" in ran.err
    assert "differs  two-1; not trusted: the key `two-1`, which signed it, is unknown" in row(ran, "out", "two-cache")
    assert "agrees" in row(ran, "dev", "two-cache")
    assert "out: 1 file differs" in ran.out
    assert "cause: random identifier" in ran.out


def test_what_was_compared_is_not_registered(machines: Machines) -> None:
    """The other object is in the store neither as an object nor as the result."""
    ran = machines.challenge("--cache", machines.url("two"), "--json")
    other = claim(ran, "out", machines.url("two"))["path"]
    assert machines.kernix("path-info", other).code != 0
    assert machines.kernix("verify").code == 0
    assert not any((machines.kernix.top / "one" / "builds").iterdir())
    assert claim(machines.challenge("--json"), "out", "this machine")["path"] != other


def test_json_has_the_table_and_the_report(machines: Machines) -> None:
    """Programs get who has what, who signed it, and how it differs."""
    ran = machines.challenge("--cache", "one", "--cache", machines.url("two"), "--json")
    assert (ran.code, ran.json["agree"], ran.json["name"]) == (104, False, "stamp")
    found = claim(ran, "out", machines.url("two"))
    assert (found["verdict"], found["signed_by"], found["trusted"]) == ("differs", ["two-1"], False)
    assert claim(ran, "out", "one")["trusted"] is True
    (compared,) = ran.json["outputs"]["out"]["compared"]
    assert (compared["equal"], compared["files"][0]["cause"]) == (False, "random identifier")


def test_caches_alone_are_compared(machines: Machines) -> None:
    """A machine that has built nothing compares the caches, the trusted one first."""
    machines.go_to("two")
    public = next(it for it in machines.kernix("key", "list").out.split() if it.startswith("two-1:"))
    machines.go_to("three")
    assert machines.kernix("key", "trust", public).code == 0
    ran = machines.challenge("--cache", machines.url("one"), "--cache", machines.url("two"), "--json")
    assert ran.code == 104
    verdicts = [it["verdict"] for it in ran.json["outputs"]["out"]["claims"]]
    assert verdicts == ["no result", "differs", "first"]
    assert ran.json["outputs"]["out"]["compared"][0]["differing"] == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "file:///nonexistent"])
def test_a_cache_that_does_not_answer_is_a_line(machines: Machines, url: str) -> None:
    """The others are compared; with nobody else, there is nothing to compare, which is an error."""
    ran = machines.challenge("--cache", "one", "--cache", url)
    assert (ran.code, "no answer" in row(ran, "out", url)) == (0, True)
    ran = machines.challenge("--cache", url)
    assert (ran.code, "nothing to compare: only one has a result of stamp" in ran.err) == (1, True)
    machines.go_to("three")
    assert "neither a cache nor this machine has a result" in machines.challenge("--cache", url).err


def test_a_damaged_object_is_not_compared(machines: Machines) -> None:
    """Another digest is a difference even if the object cannot be had, and the reason is given."""
    for blob in machines.documents("two", "blobs"):
        data = blob.read_bytes()
        blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    ran = machines.challenge("--cache", machines.url("two"))
    assert ran.code == 104
    assert "is damaged" in row(ran, "out", "two-cache")
    assert "file differs" not in ran.out


def test_an_object_that_is_too_large_is_not_fetched(machines: Machines) -> None:
    """What nobody trusted signed may state any size."""
    machines.change("two", "infos", size=1 << 45)
    ran = machines.challenge("--cache", machines.url("two"))
    assert ran.code == 104
    assert f"the object is too large to be compared: it has {1 << 45} bytes" in row(ran, "out", "two-cache")


def test_a_cache_that_contradicts_itself(machines: Machines) -> None:
    """A result whose digest is not that of its object differs, and that is said."""
    machines.change("two", "results", digest="00" * 32)
    machines.go_to("two")
    ran = machines.challenge()
    assert (ran.code, "the results of stamp differ: out, dev" in ran.err) == (104, True)
    assert "its result and its info name different digests" in row(ran, "dev", "two-1")
    assert "its signature by the key `two-1` is bad" in row(ran, "dev", "two-1")


def test_what_is_no_result_is_a_line(machines: Machines) -> None:
    """A document that cannot be read is reported, and text from outside is printed harmlessly."""
    for file in machines.documents("two", "results"):
        file.write_bytes(b"\x1b[2J not JSON")
    ran = machines.challenge("--cache", "one", "--cache", machines.url("two"))
    assert (ran.code, "\x1b" in ran.out + ran.err) == (0, False)
    assert "is damaged" in row(ran, "out", "two-cache")


@pytest.mark.parametrize(
    ("words", "code"),
    [(["stamp", "--cache", "unknown"], 2), (["unknown"], 2), (["stamp", "--cache", "ftp://x/"], 2), ([], 2)],
)
def test_bad_input_is_one_sentence(machines: Machines, words: list[str], code: int) -> None:
    """What cannot be done is an error with its exit code."""
    ran = machines.kernix("challenge", "-f", machines.file, *words)
    assert (ran.code, ran.err.count("error: ")) == (code, 1)


def test_without_caches_there_is_an_error(kernix: CommandLine, hello: Path) -> None:
    """A list without caches, and none named."""
    ran = kernix("challenge", "-f", hello, "hello")
    assert (ran.code, "no cache is known" in ran.err) == (2, True)
