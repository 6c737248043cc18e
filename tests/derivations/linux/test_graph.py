"""The graph below a kernel: what each derivation depends on, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from derivations.fetch import fetch_url
from derivations.kconfig.language.values import NO, YES
from derivations.linux.arguments import Arguments
from derivations.linux.graph import Parts, parts
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
    """A source that is called like an archive is unpacked, and any other is the tree."""
    assert make().tree == unpack(ARCHIVE).out
    assert make(source=TREE).tree == TREE.out


def test_the_build_sees_three_inputs() -> None:
    """The kernel is built from toolchain, tree and configuration alone."""
    it = make()

    assert dict(it.build.mounts) == {
        "/": gcc_toolchain(fake_lock(), "x86_64-linux").root,
        "/config": it.configuration.checked.out,
        "/src": it.tree,
    }
    assert it.build.outputs == ("out", "modules", "dev", "debug")


def test_the_build_is_reproducible() -> None:
    """What Kbuild would take from the clock, the user and the machine is said by the derivation."""
    env = make().build.env

    assert {"KBUILD_BUILD_TIMESTAMP", "KBUILD_BUILD_USER", "KBUILD_BUILD_HOST", "KBUILD_BUILD_VERSION"} <= env.keys()
    assert (env["TZ"], env["LC_ALL"]) == ("UTC", "C")


def test_the_fragment_is_in_order() -> None:
    """The same options in another order are the same derivations."""
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
def test_what_builds_nothing_again(changes: dict[str, Any]) -> None:
    """What is for people or for progress is in no key."""
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
def test_what_builds_again(changes: dict[str, Any], configures: bool) -> None:
    """What the kernel is made of is in its key; only some of it is in that of its configuration."""
    assert make(**changes).build != make().build
    assert configures is (make(**changes).configuration.checked != make().configuration.checked)


def test_an_option_that_is_already_so_costs_no_build() -> None:
    """Two requests that resolve to one configuration give one action: an early cut-off."""
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
    """The release is version, local version and extra version, unless it is given; the build is told it."""
    it = make(**changes)

    assert release == it.release
    assert release in it.build.args


def test_make_is_told_the_architecture_and_an_empty_local_version() -> None:
    """Every run of make has the architecture, the compiler's prefix, LOCALVERSION, and the user's flags, in this order."""
    it = make("aarch64-linux", make_flags=["V=1"])
    tail = ("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "LOCALVERSION=", "V=1")

    assert it.build.args[-4:] == tail
    assert it.build.system == "x86_64-linux"
