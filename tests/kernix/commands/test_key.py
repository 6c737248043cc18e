"""`kernix key`: make keys, and choose whose are trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernix.config_file import InvalidConfiguration, parse
from kernix.keys import NoSigningKey, keyring, signing_key
from kernix.session import Session
from store.signing.keys import PublicKey, SecretKey


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine


KEY = SecretKey("ci.example.org-1", bytes([5] * 32))


def session(kernix: CommandLine) -> Session:
    """Return a session with the places of *kernix*."""
    return Session({"HOME": str(kernix.top / "home"), "KERNIX_HOME": str(kernix.home)})


def test_generate(kernix: CommandLine) -> None:
    """A new key is printed; its secret half is named, and shown nowhere."""
    ran = kernix("key", "generate", "me-1")
    key = PublicKey.parse(ran.out.strip())
    secret = keyring(session(kernix)).secret("me-1")

    assert (ran.code, key) == (0, secret.public)
    assert "me-1.secret" in ran.err
    assert secret.text.partition(":")[2][:20] not in ran.out + ran.err + kernix("key", "list", "--json").out


def test_generate_twice(kernix: CommandLine) -> None:
    """A second key of one name is an error."""
    kernix("key", "generate", "me-1")
    ran = kernix("key", "generate", "me-1")

    assert (ran.code, ran.out) == (1, "")
    assert "never overwritten" in ran.err


@pytest.mark.parametrize("name", ["a b", "../x", "a:b", "", "\x1b[31m"])
def test_odd_names(kernix: CommandLine, name: str) -> None:
    """A name with odd characters is a usage error, which does not control the terminal."""
    ran = kernix("key", "generate", "--", name)

    assert ran.code == 2
    assert "invalid key name" in ran.err
    assert "\x1b" not in ran.err


def test_trust_and_distrust(kernix: CommandLine) -> None:
    """A key is trusted until it is distrusted; `list` shows what for."""
    said = kernix("key", "trust", "--for", "objects", "--cache", "https://c.example.org/", str(KEY.public))
    listed = kernix("key", "list")
    assert "trusted `ci.example.org-1` for objects from https://c.example.org" in said.err
    assert listed.lines == [f"{KEY.public}  trusted for objects, from https://c.example.org"]
    assert kernix("key", "list", "--json").json == [
        {
            "key": str(KEY.public),
            "secret": None,
            "trusted": {"for": ["objects"], "caches": ["https://c.example.org"]},
        }
    ]

    assert kernix("key", "distrust", KEY.name).code == 0
    assert kernix("key", "list").out == ""
    assert kernix("key", "distrust", KEY.name).code == 1


def test_trust_one_s_own(kernix: CommandLine) -> None:
    """A key of the user's own is trusted by its name."""
    key = kernix("key", "generate", "me-1").out.strip()
    assert "for objects and results from every cache" in kernix("key", "trust", "me-1").err
    assert kernix("key", "list").lines == [f"{key}  yours, trusted for objects and results"]


NOT_KEYS = {
    "name": "me-1",
    "truncated": str(KEY.public)[:-4],
    "secret": KEY.text,
    "low-order": f"me:{'A' * 43}=",
}


@pytest.mark.parametrize("text", NOT_KEYS.values(), ids=NOT_KEYS)
def test_trust_no_key(kernix: CommandLine, text: str) -> None:
    """What is not a public key is an error that says why."""
    ran = kernix("key", "trust", text)

    assert ran.code == 1
    assert "invalid key" in ran.err
    assert kernix("key", "list").out == ""


def test_trust_a_cache_that_is_none(kernix: CommandLine) -> None:
    """What is not a URL is a usage error."""
    assert kernix("key", "trust", "--cache", "example.org", str(KEY.public)).code == 2


def test_a_key_that_others_can_read(kernix: CommandLine) -> None:
    """`list` warns of a key that cannot be used, and lists the others."""
    kernix("key", "generate", "me-1")
    other = kernix("key", "generate", "me-2").out.strip()
    (kernix.config / "keys/me-1.secret").chmod(0o644)
    ran = kernix("key", "list")

    assert ran.lines == [f"{other}  yours"]
    assert "others have access to it (mode 0644)" in ran.err


def test_which_key_signs(kernix: CommandLine) -> None:
    """The named key signs, else the configured one, else the only one."""
    with pytest.raises(NoSigningKey, match="no key to sign with"):
        signing_key(session(kernix))
    kernix("key", "generate", "me-1")
    assert signing_key(session(kernix)).name == "me-1"
    kernix("key", "generate", "me-2")
    with pytest.raises(NoSigningKey, match="several keys"):
        signing_key(session(kernix))
    assert signing_key(session(kernix), "me-1").name == "me-1"
    kernix.configure('[signing]\nkey = "me-2"\n')
    assert signing_key(session(kernix)).name == "me-2"
    file = kernix.config / "keys/me-1.secret"
    kernix.configure(f'[signing]\nkey = "{file}"\n')
    assert signing_key(session(kernix)).name == "me-1"
    kernix.configure(f'[signing]\ncommand = ["cat", "{file}"]\n')
    assert signing_key(session(kernix)).name == "me-1"


INVALID = {
    "both": 'key = "a"\ncommand = ["cat"]',
    "empty-key": 'key = ""',
    "number": "key = 1",
    "command-line": 'command = "cat file"',
    "empty-command": "command = []",
    "misspelled": 'keys = "a"',
}


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID)
def test_invalid_configuration(kernix: CommandLine, text: str) -> None:
    """Invalid settings are reported."""
    file = kernix.configure(f"[signing]\n{text}\n")
    with pytest.raises(InvalidConfiguration, match="signing"):
        parse(file.read_text(), file)
