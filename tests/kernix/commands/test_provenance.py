"""`kernix provenance`: what an output was built from."""

from __future__ import annotations

import base64
import json

from typing import TYPE_CHECKING

import pytest

from nacl.signing import VerifyKey

from store.signing.keys import PublicKey


if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


def test_summary(kernix: CommandLine, hello: Path) -> None:
    """The summary names the output and everything from outside, with its digest."""
    path = kernix("build", "--no-link", "-f", hello, "hello").out.strip()
    ran = kernix("provenance", "-f", hello, "hello")

    assert ran.lines[0] == path.rpartition("/")[2]
    assert ran.lines[-1] == "  hello  sha256:a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447"
    assert kernix("provenance", path).out == ran.out


def test_signed(kernix: CommandLine, hello: Path) -> None:
    """The envelope holds the statement, signed with the user's key, and is the same each time."""
    key = PublicKey.parse(kernix("key", "generate", "me-1").out.strip())
    kernix("build", "--no-link", "-f", hello, "hello")
    ran = kernix("provenance", "--json", "-f", hello, "hello")
    payload = base64.b64decode(ran.json["payload"])
    (signature,) = ran.json["signatures"]
    form = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)

    assert VerifyKey(key.raw).verify(form, base64.b64decode(signature["sig"]))
    assert json.loads(payload)["predicate"]["runDetails"]["builder"]["id"] == "urn:kernix:builder:me-1"
    assert kernix("provenance", "--json", "--key", "me-1", "-f", hello, "hello").out == ran.out


def test_unsigned(kernix: CommandLine, hello: Path) -> None:
    """The statement itself needs no key."""
    kernix("build", "--no-link", "-f", hello, "hello")
    found = kernix("provenance", "--json", "--unsigned", "-f", hello, "hello").json

    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicate"]["runDetails"]["builder"] == {"id": "urn:kernix:builder", "version": {"kernix": "0.1.0"}}


def test_no_key(kernix: CommandLine, hello: Path) -> None:
    """Without a key, a signed statement is refused, and the hint says how to make one."""
    kernix("build", "--no-link", "-f", hello, "hello")
    ran = kernix("provenance", "--json", "-f", hello, "hello")

    assert (ran.code, ran.out) == (1, "")
    assert "kernix key generate" in ran.err


def test_not_built(kernix: CommandLine, hello: Path) -> None:
    """What is not built has no provenance."""
    ran = kernix("provenance", "-f", hello, "hello")

    assert (ran.code, ran.out) == (1, "")
    assert "has not been built" in ran.err


def test_what_a_build_saw(kernix: CommandLine, scripts: Path) -> None:
    """The statement of a build has the trees that its builder saw, and the local files they were made from."""
    kernix("build", "--no-link", "-f", scripts, "fine")
    found = kernix("provenance", "--json", "--unsigned", "-f", scripts, "fine").json
    seen = found["predicate"]["buildDefinition"]["resolvedDependencies"]

    assert [it["name"] for it in seen] == ["root.out", "root"]
    assert seen[0]["digest"] == seen[1]["digest"]
    assert str(kernix.top) not in json.dumps(found)


def test_added_files(kernix: CommandLine) -> None:
    """What was added and not built has no provenance."""
    path = kernix("add", kernix.write("file", "x")).out.strip()
    assert "has no derivation" in kernix("provenance", path).err


USAGE = {
    "both": ["--json", "--sbom"],
    "unsigned-summary": ["--unsigned"],
    "key-of-the-summary": ["--key", "me-1"],
    "key-unsigned": ["--json", "--unsigned", "--key", "me-1"],
    "sbom-of-a-text": ["--sbom"],
}


@pytest.mark.parametrize("words", USAGE.values(), ids=USAGE)
def test_usage(kernix: CommandLine, hello: Path, words: list[str]) -> None:
    """Words that exclude each other are usage errors, and so is the bill of materials of something else than a kernel."""
    assert kernix("provenance", *words, "-f", hello, "hello").code == 2
