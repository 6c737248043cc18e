"""`kernix update`, with a loopback server whose files have kernel.org's format."""

from __future__ import annotations

import hashlib
import json

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from kernels import releases
from tests.derivations.linux.test_releases import entry
from tests.derivations.realise.scripted_server import Answer, ScriptedServer
from tests.kernel_org import KEY_PATH, KernelOrg, sha256
from tests.signing import Key, gnupg_home, make_key


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernix.conftest import CommandLine, Ran


@pytest.fixture(scope="module")
def gnupg() -> Iterator[Path]:
    with gnupg_home() as home:
        yield home


@pytest.fixture(scope="module")
def key(gnupg: Path) -> Key:
    return make_key(gnupg, "Checksum autosigner")


@pytest.fixture(scope="module")
def other(gnupg: Path) -> Key:
    return make_key(gnupg, "Somebody else")


@pytest.fixture(scope="module")
def expired(gnupg: Path) -> Key:
    return make_key(gnupg, "Once upon a time", time="20200101T000000", expires="2020-02-01")


@attrs.define
class Updated(KernelOrg):
    """A server with kernel.org's files, and a command line that uses it."""

    kernix: CommandLine

    def update(self, *words: str | Path, signer: str | None = None) -> Ran:
        """Run `kernix update`."""
        return self.kernix(
            "update", "--server", self.server.url(""), "--signer", signer or self.key.fingerprint, *words
        )

    @property
    def pins(self) -> Path:
        """Return the path of the user's pins."""
        return self.kernix.config / "kernels.json"


@pytest.fixture
def kernel_org(kernix: CommandLine, key: Key) -> Iterator[Updated]:
    kernix.configure("retries = 1\nconnect_timeout = 2\nread_timeout = 2\n")
    with ScriptedServer() as server:
        server.files[KEY_PATH] = key.public
        it = Updated(server, key, kernix)
        it.announce(
            entry("6.20-rc1", "mainline"), entry("6.19.2"), entry("6.18.9", "longterm"), entry("6.12.70", "longterm"),
            entry("5.15.200", "longterm"), entry("next-20260101", "linux-next"),
        )  # fmt: skip
        it.sign("6.19.2", "6.18.9", "6.12.70", "5.15.200")
        yield it


def test_an_update(kernel_org: Updated) -> None:
    """New versions and series are pinned by their signed hashes, ended series are marked, and all changes are shown."""
    ran = kernel_org.update()

    assert ran.code == 0, ran.err
    assert [line.split("  ", 2)[0] for line in ran.lines] == ["+", *["~"] * 6]
    shown = {words[1]: " ".join(words[2:]) for words in map(str.split, ran.lines)}
    assert shown["linux_6_19"] == "6.19.2"
    assert shown["linux_6_18"] == "6.18.5 -> 6.18.9, longterm"
    assert shown["linux_6_6"] == "6.6.119, no longer maintained"
    pins = json.loads(kernel_org.pins.read_text())
    assert pins["6.19"] == {"version": "6.19.2", "sha256": sha256("6.19.2"), "longterm": False, "end_of_life": False}
    assert pins["5.15"]["sha256"] == sha256("5.15.200")
    assert "skipped Linux 6.20-rc1" in ran.err
    assert pins["testing"]["version"] == releases()["testing"].version


def test_pinned_releases_are_in_the_set(kernel_org: Updated, lock: Path) -> None:
    """The set then follows the user's pins: new attributes, marks, and linux_latest."""
    kernel_org.update()
    listed = {it["attribute"]: it for it in kernel_org.kernix("list", "--json", "--lock", lock).json}

    assert listed["linux_6_19"]["version"] == listed["linux_latest"]["version"] == "6.19.2"
    assert listed["linux_lts"]["version"] == "6.18.9"
    assert listed["linux_6_6"]["description"].startswith("kernel.org's Linux 6.6.119, ")


def test_nothing_new(kernel_org: Updated) -> None:
    """A second update changes nothing and reports that."""
    kernel_org.update()
    before = kernel_org.pins.read_bytes()
    ran = kernel_org.update()

    assert (0, "") == (ran.code, ran.out)
    assert "nothing changed" in ran.err
    assert before == kernel_org.pins.read_bytes()


def test_a_dry_run(kernel_org: Updated) -> None:
    """--dry-run prints the changes, here as JSON, and writes nothing."""
    ran = kernel_org.update("--dry-run", "--json")

    (new,) = [it for it in ran.json if it["old"] is None]
    assert ("6.19", "6.19.2") == (new["series"], new["new"]["version"])
    assert not kernel_org.pins.exists()


def test_another_file(kernel_org: Updated) -> None:
    """--output updates that file."""
    file = kernel_org.kernix.write(
        "mine.json", json.dumps({"6.12": {"version": "6.12.1", "sha256": sha256("x"), "longterm": True}})
    )
    kernel_org.update("-o", "mine.json")

    assert list(json.loads(file.read_text())) == ["6.19", "6.18", "6.12", "5.15"]
    assert not kernel_org.pins.exists()


def test_a_candidate(kernel_org: Updated, monkeypatch: pytest.MonkeyPatch) -> None:
    """--testing pins a release candidate by the hash of the downloaded archive."""
    monkeypatch.setattr("derivations.linux.pins.SNAPSHOTS", kernel_org.server.url("/torvalds/t"))
    kernel_org.server.files["/torvalds/t/linux-6.20-rc1.tar.gz"] = b"archive"
    ran = kernel_org.update("--testing")

    assert ran.code == 0, ran.err
    pin = json.loads(kernel_org.pins.read_text())["testing"]
    assert ("6.20-rc1", hashlib.sha256(b"archive").hexdigest()) == (pin["version"], pin["sha256"])


def test_a_keyring(kernel_org: Updated, other: Key) -> None:
    """The key may come from a file, named by an option or the configuration; then it is not downloaded."""
    del kernel_org.server.files[KEY_PATH]
    keyring = kernel_org.kernix.work / "keys.asc"
    keyring.write_bytes(other.armored + kernel_org.key.armored)

    assert kernel_org.update("-n").code == 1
    assert kernel_org.update("-n", "--keyring", keyring).code == 0
    kernel_org.kernix.configure(f'retries = 0\nkeyring = "{keyring}"\n')
    assert kernel_org.update("-n").code == 0
    assert KEY_PATH not in [it.path.partition("?")[0] for it in kernel_org.server.requests[-4:]]


def test_a_release_that_is_not_signed_yet(kernel_org: Updated) -> None:
    """A version that the lists lack is an error that names it; --keep-going skips it."""
    kernel_org.sign("6.19.2", "6.12.70")
    ran = kernel_org.update()

    assert ran.code == 1
    assert "6.18.9" in ran.err
    assert not kernel_org.pins.exists()
    ran = kernel_org.update("--keep-going")
    assert ran.code == 0
    assert "skipped Linux 6.18.9" in ran.err
    assert json.loads(kernel_org.pins.read_text())["6.18"]["version"] == "6.18.5"


def tampered(it: Updated) -> None:
    path = it.list("6")
    it.server.files[path] = it.server.files[path].replace(sha256("6.18.9").encode(), sha256("evil").encode())


def unsigned(it: Updated) -> None:
    it.server.files[it.list("6")] = f"{sha256('evil')}  linux-6.18.9.tar.xz\n".encode()


def appended(it: Updated) -> None:
    it.sign("6.19.2", "6.12.70")
    it.server.files[it.list("6")] += f"{sha256('evil')}  linux-6.18.9.tar.xz\n".encode()


def of_another_directory(it: Updated) -> None:
    it.sign("5.15.200")
    it.server.files[it.list("6")] = it.server.files[it.list("5")]


def missing_list(it: Updated) -> None:
    del it.server.files[it.list("6")]


def cut_list(it: Updated) -> None:
    it.server.answers[it.list("6")] = [Answer(cut=100), Answer(cut=50)]


def cut_announcement(it: Updated) -> None:
    it.server.answers["/releases.json"] = [Answer(cut=100), Answer(cut=50)]


def another_page(it: Updated) -> None:
    it.server.files["/releases.json"] = b"<html>hello</html>"


def no_key(it: Updated) -> None:
    it.server.files[KEY_PATH] = b"<html>hello</html>"


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        pytest.param(tampered, "v6.x/sha256sums.asc ", id="tampered"),
        pytest.param(unsigned, "v6.x/sha256sums.asc ", id="unsigned"),
        pytest.param(appended, "Linux 6.18.9", id="appended-without-signature"),
        pytest.param(of_another_directory, "Linux 6.19.2, 6.18.9, 6.12.70", id="list-of-another-directory"),
        pytest.param(missing_list, "v6.x/sha256sums.asc: 404", id="not-found"),
        pytest.param(cut_list, "sha256sums.asc: ", id="cut-list"),
        pytest.param(cut_announcement, "releases.json: ", id="cut-announcement"),
        pytest.param(another_page, "kernel.org", id="another-page"),
        pytest.param(no_key, "keyring", id="no-key"),
    ],
)
def test_invalid_answers(kernel_org: Updated, break_it: Any, message: str) -> None:  # noqa: ANN401 -- a function of one
    """An invalid answer is reported in one sentence, and no pin changes."""
    break_it(kernel_org)
    ran = kernel_org.update()

    assert ran.code == 1
    assert message in ran.err
    assert not kernel_org.pins.exists()


def test_a_connection_that_is_cut_once(kernel_org: Updated) -> None:
    """A truncated answer is requested again, from the beginning."""
    kernel_org.server.answers["/releases.json"] = [Answer(cut=100)]

    assert kernel_org.update().code == 0


def test_wrong_keys(kernel_org: Updated, other: Key, expired: Key) -> None:
    """A list signed by another key, or by an expired one, is not trusted."""
    kernel_org.server.files[KEY_PATH] = kernel_org.key.public + other.public + expired.public
    kernel_org.sign("6.19.2", "6.18.9", "6.12.70", key=other)
    assert other.fingerprint in kernel_org.update().err
    kernel_org.sign("6.19.2", "6.18.9", "6.12.70", "5.15.200", key=expired)
    assert "expired" in kernel_org.update(signer=expired.fingerprint).err
    assert not kernel_org.pins.exists()


def test_no_fingerprint(kernel_org: Updated) -> None:
    """A key must be named by its full fingerprint, with or without spaces."""
    ran = kernel_org.update(signer="6089DA6B1")
    assert (2, True) == (ran.code, "is not the fingerprint of a key" in ran.err)
    spaced = " ".join(kernel_org.key.fingerprint[i : i + 4] for i in range(0, 40, 4))
    assert kernel_org.update("-n", signer=spaced).code == 0


def test_offline(kernel_org: Updated) -> None:
    """Offline, kernel.org is not contacted."""
    kernel_org.kernix.configure("offline = true\n")
    ran = kernel_org.update()

    assert (2, []) == (ran.code, kernel_org.server.requests)
