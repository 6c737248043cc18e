"""Tests of `kernix update`, against a server on loopback with files of kernel.org's form."""

from __future__ import annotations

import hashlib
import json

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from kernels import releases
from tests.derivations.linux.test_releases import entry
from tests.derivations.realise.scripted_server import Answer, ScriptedServer
from tests.signing import Key, gnupg_home, make_key


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernix.conftest import CommandLine, Ran

KEY_PATH = "/.well-known/openpgpkey/hu/ew8uiogxwri7d3fuioqgt7u1d5sngorx"


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


def sha256(version: str) -> str:
    """Return the hash that an archive of *version* might have."""
    return hashlib.sha256(version.encode()).hexdigest()


@attrs.define
class KernelOrg:
    """A server with kernel.org's files, and a command line that asks it."""

    server: ScriptedServer
    kernix: CommandLine
    key: Key

    def announce(self, *entries: dict[str, Any]) -> None:
        """Announce releases."""
        document = {"latest_stable": {"version": "6.18.5"}, "releases": entries}
        self.server.files["/releases.json"] = json.dumps(document).encode()

    def sign(self, *versions: str, key: Key | None = None) -> None:
        """Put versions into the signed list of their directory."""
        for major in {version.split(".")[0] for version in versions}:
            lines = [
                f"{sha256(it)}  linux-{it}.tar.xz\n{sha256('')}  ChangeLog-{it}\n"
                for it in versions
                if it.startswith(f"{major}.")
            ]
            self.server.files[self.list(major)] = (key or self.key).sign("".join(lines))

    @staticmethod
    def list(major: str) -> str:
        """Return the path of the signed list of a directory."""
        return f"/pub/linux/kernel/v{major}.x/sha256sums.asc"

    def update(self, *words: str | Path, signer: str | None = None) -> Ran:
        """Run `kernix update`."""
        return self.kernix(
            "update", "--server", self.server.url(""), "--signer", signer or self.key.fingerprint, *words
        )

    @property
    def pins(self) -> Path:
        """Return the user's own pins."""
        return self.kernix.config / "kernels.json"


@pytest.fixture
def kernel_org(kernix: CommandLine, key: Key) -> Iterator[KernelOrg]:
    kernix.configure("retries = 1\nconnect_timeout = 2\nread_timeout = 2\n")
    with ScriptedServer() as server:
        server.files[KEY_PATH] = key.public
        it = KernelOrg(server, kernix, key)
        it.announce(
            entry("6.20-rc1", "mainline"), entry("6.19.2"), entry("6.18.9", "longterm"), entry("6.12.70", "longterm"),
            entry("5.15.200", "longterm"), entry("next-20260101", "linux-next"),
        )  # fmt: skip
        it.sign("6.19.2", "6.18.9", "6.12.70", "5.15.200")
        yield it


def test_an_update(kernel_org: KernelOrg) -> None:
    """New versions and new series are pinned by their signed hashes, what has ended is marked, and all of it is shown."""
    ran = kernel_org.update()

    assert ran.code == 0, ran.err
    assert [line.split("  ", 2)[0] for line in ran.lines] == ["+", *["~"] * 6]
    shown = {words[1]: " ".join(words[2:]) for words in map(str.split, ran.lines)}
    assert shown["linux_6_19"] == "6.19.2"
    assert shown["linux_6_18"] == "6.18.5 -> 6.18.9, longterm"
    assert shown["linux_6_6"] == "6.6.119, not maintained any more"
    pins = json.loads(kernel_org.pins.read_text())
    assert pins["6.19"] == {"version": "6.19.2", "sha256": sha256("6.19.2"), "longterm": False, "end_of_life": False}
    assert pins["5.15"]["sha256"] == sha256("5.15.200")
    assert "left out: Linux 6.20-rc1" in ran.err
    assert pins["testing"]["version"] == releases()["testing"].version


def test_what_is_pinned_is_built(kernel_org: KernelOrg, lock: Path) -> None:
    """The set is that of the user's pins from then on: new attributes, marks, and linux_latest."""
    kernel_org.update()
    listed = {it["attribute"]: it for it in kernel_org.kernix("list", "--json", "--lock", lock).json}

    assert listed["linux_6_19"]["version"] == listed["linux_latest"]["version"] == "6.19.2"
    assert listed["linux_lts"]["version"] == "6.18.9"
    assert listed["linux_6_6"]["description"] == "kernel.org's Linux 6.6.119, not maintained any more"


def test_nothing_new(kernel_org: KernelOrg) -> None:
    """A second update changes nothing and says so."""
    kernel_org.update()
    before = kernel_org.pins.read_bytes()
    ran = kernel_org.update()

    assert (0, "") == (ran.code, ran.out)
    assert "nothing has changed" in ran.err
    assert before == kernel_org.pins.read_bytes()


def test_a_dry_run(kernel_org: KernelOrg) -> None:
    """--dry-run prints the changes, here as JSON, and writes nothing."""
    ran = kernel_org.update("--dry-run", "--json")

    (new,) = [it for it in ran.json if it["old"] is None]
    assert ("6.19", "6.19.2") == (new["series"], new["new"]["version"])
    assert not kernel_org.pins.exists()


def test_another_file(kernel_org: KernelOrg) -> None:
    """--output changes that file, beginning with what it pins."""
    file = kernel_org.kernix.write(
        "mine.json", json.dumps({"6.12": {"version": "6.12.1", "sha256": sha256("x"), "longterm": True}})
    )
    kernel_org.update("-o", "mine.json")

    assert list(json.loads(file.read_text())) == ["6.19", "6.18", "6.12", "5.15"]
    assert not kernel_org.pins.exists()


def test_a_candidate(kernel_org: KernelOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    """--testing pins a release candidate by the hash of what is downloaded."""
    monkeypatch.setattr("derivations.linux.pins.SNAPSHOTS", kernel_org.server.url("/torvalds/t"))
    kernel_org.server.files["/torvalds/t/linux-6.20-rc1.tar.gz"] = b"archive"
    ran = kernel_org.update("--testing")

    assert ran.code == 0, ran.err
    pin = json.loads(kernel_org.pins.read_text())["testing"]
    assert ("6.20-rc1", hashlib.sha256(b"archive").hexdigest()) == (pin["version"], pin["sha256"])


def test_a_keyring(kernel_org: KernelOrg, other: Key) -> None:
    """The key may come from a file, named by an option or in the configuration; then no server is asked for it."""
    del kernel_org.server.files[KEY_PATH]
    keyring = kernel_org.kernix.work / "keys.asc"
    keyring.write_bytes(other.armored + kernel_org.key.armored)

    assert kernel_org.update("-n").code == 1
    assert kernel_org.update("-n", "--keyring", keyring).code == 0
    kernel_org.kernix.configure(f'retries = 0\nkeyring = "{keyring}"\n')
    assert kernel_org.update("-n").code == 0
    assert KEY_PATH not in [it.path.partition("?")[0] for it in kernel_org.server.requests[-4:]]


def test_a_release_that_is_not_signed_yet(kernel_org: KernelOrg) -> None:
    """A version that the lists do not have is an error that names it; --keep-going leaves it out."""
    kernel_org.sign("6.19.2", "6.12.70")
    ran = kernel_org.update()

    assert ran.code == 1
    assert "kernel.org's signed checksums do not have Linux 6.18.9 yet" in ran.err
    assert not kernel_org.pins.exists()
    ran = kernel_org.update("--keep-going")
    assert ran.code == 0
    assert "left out: Linux 6.18.9" in ran.err
    assert json.loads(kernel_org.pins.read_text())["6.18"]["version"] == "6.18.5"


def tampered(it: KernelOrg) -> None:
    path = it.list("6")
    it.server.files[path] = it.server.files[path].replace(sha256("6.18.9").encode(), sha256("evil").encode())


def unsigned(it: KernelOrg) -> None:
    it.server.files[it.list("6")] = f"{sha256('evil')}  linux-6.18.9.tar.xz\n".encode()


def appended(it: KernelOrg) -> None:
    it.sign("6.19.2", "6.12.70")
    it.server.files[it.list("6")] += f"{sha256('evil')}  linux-6.18.9.tar.xz\n".encode()


def of_another_directory(it: KernelOrg) -> None:
    it.sign("5.15.200")
    it.server.files[it.list("6")] = it.server.files[it.list("5")]


def missing_list(it: KernelOrg) -> None:
    del it.server.files[it.list("6")]


def cut_list(it: KernelOrg) -> None:
    it.server.answers[it.list("6")] = [Answer(cut=100), Answer(cut=50)]


def cut_announcement(it: KernelOrg) -> None:
    it.server.answers["/releases.json"] = [Answer(cut=100), Answer(cut=50)]


def another_page(it: KernelOrg) -> None:
    it.server.files["/releases.json"] = b"<html>hello</html>"


def no_key(it: KernelOrg) -> None:
    it.server.files[KEY_PATH] = b"<html>hello</html>"


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        pytest.param(tampered, "v6.x/sha256sums.asc cannot be trusted: its signature does not match", id="tampered"),
        pytest.param(unsigned, "cannot be trusted: it has no signature", id="unsigned"),
        pytest.param(appended, "do not have Linux 6.18.9 yet", id="appended-without-signature"),
        pytest.param(
            of_another_directory, "do not have Linux 6.19.2, 6.18.9, 6.12.70 yet", id="list-of-another-directory"
        ),
        pytest.param(missing_list, "v6.x/sha256sums.asc: 404", id="not-found"),
        pytest.param(cut_list, "sha256sums.asc: the connection was cut", id="cut-list"),
        pytest.param(cut_announcement, "releases.json: the connection was cut", id="cut-announcement"),
        pytest.param(another_page, "this is not kernel.org's list of releases", id="another-page"),
        pytest.param(no_key, "the keyring is not a keyring", id="no-key"),
    ],
)
def test_what_goes_wrong(kernel_org: KernelOrg, break_it: Any, said: str) -> None:  # noqa: ANN401 -- a function of one
    """Whatever is wrong is one sentence, and no pin changes."""
    break_it(kernel_org)
    ran = kernel_org.update()

    assert ran.code == 1
    assert said in ran.err
    assert not kernel_org.pins.exists()


def test_a_connection_that_is_cut_once(kernel_org: KernelOrg) -> None:
    """What was cut is asked for again, from the beginning."""
    kernel_org.server.answers["/releases.json"] = [Answer(cut=100)]

    assert kernel_org.update().code == 0


def test_wrong_keys(kernel_org: KernelOrg, other: Key, expired: Key) -> None:
    """A list that another key signed, or an expired one, is not believed."""
    kernel_org.server.files[KEY_PATH] = kernel_org.key.public + other.public + expired.public
    kernel_org.sign("6.19.2", "6.18.9", "6.12.70", key=other)
    assert f"it is signed by another key, {other.fingerprint}" in kernel_org.update().err
    kernel_org.sign("6.19.2", "6.18.9", "6.12.70", "5.15.200", key=expired)
    assert "the key that signed it has expired" in kernel_org.update(signer=expired.fingerprint).err
    assert not kernel_org.pins.exists()


def test_no_fingerprint(kernel_org: KernelOrg) -> None:
    """A key is named by its whole fingerprint, with or without spaces."""
    ran = kernel_org.update(signer="6089DA6B1")
    assert (2, True) == (ran.code, "is not the fingerprint of a key" in ran.err)
    spaced = " ".join(kernel_org.key.fingerprint[i : i + 4] for i in range(0, 40, 4))
    assert kernel_org.update("-n", signer=spaced).code == 0


def test_offline(kernel_org: KernelOrg) -> None:
    """Offline nothing is asked."""
    kernel_org.kernix.configure("offline = true\n")
    ran = kernel_org.update()

    assert (2, []) == (ran.code, kernel_org.server.requests)
