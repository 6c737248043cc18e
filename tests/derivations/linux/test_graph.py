"""The graph below a kernel: what each derivation depends on, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from derivations.fetch import fetch_url
from derivations.kconfig.language.values import NO, YES
from derivations.linux.arguments import Arguments
from derivations.linux.graph import Parts, chance, parts
from derivations.linux.patch import Patch
from derivations.source import text_file
from derivations.toolchain import gcc_toolchain
from derivations.unpack import unpack
from tests.fakes import fake_lock


ARCHIVE = fetch_url("https://cdn.kernel.org/linux-6.12.tar.xz", sha256="0" * 64)
TREE = fetch_url("https://cdn.kernel.org/linux", sha256="0" * 64)
PATCH = Patch("fix", text="--- a/x\n+++ b/x\n", extra_config={"FROM_PATCH": YES})


def make(system: str = "x86_64-linux", **changes: Any) -> Parts:  # noqa: ANN401 -- what a test gives
    """Return the parts of a kernel with *changes*."""
    arguments = Arguments(**{"version": "6.12", "source": ARCHIVE, **changes})
    return parts(arguments, gcc_toolchain(fake_lock(), system))


def test_an_archive_is_unpacked() -> None:
    """A source with the suffix of an archive is unpacked, and any other is the tree."""
    assert make().tree == unpack(ARCHIVE).out
    assert make(source=TREE).tree == TREE.out


def test_the_build_sees_three_inputs() -> None:
    """The kernel is built from only toolchain, tree and configuration, besides a script of our own."""
    it = make()

    assert dict(it.build.mounts) == {
        "/": gcc_toolchain(fake_lock(), "x86_64-linux").root,
        "/config": it.configuration.checked.out,
        "/kernix/chance.sh": chance()["/kernix/chance.sh"],
        "/src": it.tree,
    }
    assert it.build.outputs == ("out", "modules", "build", "debug")


def test_the_build_is_reproducible() -> None:
    """The derivation sets what Kbuild would otherwise take from the clock, the user and the machine."""
    env = make().build.env

    assert {"KBUILD_BUILD_TIMESTAMP", "KBUILD_BUILD_USER", "KBUILD_BUILD_HOST", "KBUILD_BUILD_VERSION"} <= env.keys()
    assert (env["TZ"], env["LC_ALL"]) == ("UTC", "C")


def test_seed_and_key_are_inputs() -> None:
    """The seed of RANDSTRUCT and the key of modules change the build's key, and are only there if they are given."""
    key = text_file("key", "a key")
    plain, seeded, signed = make(), make(randstruct_seed="mine"), make(signing_key=key)
    assert "KERNIX_RANDSTRUCT_SEED" not in plain.build.env
    assert seeded.build.env["KERNIX_RANDSTRUCT_SEED"] == "mine"
    assert signed.build.mounts["/signing-key.pem"] == key.out
    assert signed.merged_requests.requests["MODULE_SIG_KEY"].value == "/signing-key.pem"
    assert signed.merged_requests.requests["MODULE_SIG_ALL"].value == YES
    assert len({it.build.key for it in (plain, seeded, signed)}) == 3


def test_the_fragment_is_in_order() -> None:
    """The same options in another order give the same derivations."""
    assert make(extra_config={"A": YES, "B": NO}) == make(extra_config={"B": NO, "A": YES})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"description": "x"}, id="description"),
        pytest.param({"features": {"a": True}}, id="features"),
        pytest.param({"systems": ["x86_64-linux", "aarch64-linux"]}, id="systems"),
        pytest.param({"compilations": 7}, id="compilations"),
    ],
)
def test_changes_without_a_rebuild(changes: dict[str, Any]) -> None:
    """Descriptions and progress information are not part of keys."""
    assert make(**changes).build == make().build


@pytest.mark.parametrize(
    ("changes", "configures"),
    [
        pytest.param({"extra_config": {"A": YES}}, True, id="option"),
        pytest.param({"base": "tinyconfig"}, True, id="base"),
        pytest.param({"base": text_file("config", "")}, True, id="base-file"),
        pytest.param({"make_flags": ["V=1"]}, True, id="make-flags"),
        pytest.param({"patches": [PATCH]}, True, id="patch"),
        pytest.param({"source": TREE}, True, id="source"),
        pytest.param({"system": "aarch64-linux"}, True, id="system"),
        pytest.param({"mod_dir_version": "6.12.0-x"}, False, id="release"),
    ],
)
def test_changes_with_a_rebuild(changes: dict[str, Any], configures: bool) -> None:
    """All inputs of the kernel are part of its key; only some are part of the key of its configuration."""
    assert make(**changes).build != make().build
    assert configures is (make(**changes).configuration.checked != make().configuration.checked)


def test_a_request_that_already_holds_causes_no_build() -> None:
    """Requests that resolve to the same configuration give the same action key: early cut-off."""
    one, other = make(), make(extra_config={"PRINTK": YES})

    assert one.build != other.build
    assert one.build.action_key(lambda _: bytes(32)) == other.build.action_key(lambda _: bytes(32))


@pytest.mark.parametrize(
    ("changes", "release"),
    [
        pytest.param({}, "6.12.0", id="three-numbers"),
        pytest.param({"version": "6.19-rc4"}, "6.19.0-rc4", id="candidate"),
        pytest.param({"version": "6.1.55-custom"}, "6.1.55", id="suffix"),
        pytest.param({"extra_version": "-mine"}, "6.12.0-mine", id="extra-version"),
        pytest.param({"extra_config": {"LOCALVERSION": "-x"}}, "6.12.0-x", id="localversion"),
        pytest.param({"extra_config": {"LOCALVERSION": "-x"}, "extra_version": "-y"}, "6.12.0-x-y", id="both"),
        pytest.param({"mod_dir_version": "6.12.0-z"}, "6.12.0-z", id="given"),
    ],
)
def test_release(changes: dict[str, Any], release: str) -> None:
    """The release is version, local version and extra version, unless it is given; the build gets it."""
    it = make(**changes)

    assert release == it.release
    assert release in it.build.args


def test_make_gets_the_architecture_and_an_empty_local_version() -> None:
    """Every run of make gets architecture, compiler prefix, LOCALVERSION, and the user's flags, in this order."""
    it = make("aarch64-linux", make_flags=["V=1"])
    tail = ("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "LOCALVERSION=", "V=1")

    assert it.build.args[-4:] == tail
    assert it.build.system == "x86_64-linux"
