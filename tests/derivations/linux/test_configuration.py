"""The graph of a kernel's configuration: what each derivation depends on, and what it does not."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import pytest

from derivations.fetch import fetch_url
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, NO, YES, default, optional
from derivations.linux.arguments import Arguments
from derivations.linux.configuration import ConfigSteps, configuration
from derivations.linux.requested import merged_requests
from derivations.source import text_file
from derivations.toolchain import gcc_toolchain
from tests.fakes import fake_lock


if TYPE_CHECKING:
    from derivations.derivation import Derivation, Output


TREE = fetch_url("https://cdn.kernel.org/linux", sha256="0" * 64)
PATCHED = fetch_url("https://cdn.kernel.org/linux-patched", sha256="1" * 64)
FILE = text_file("mine.config", "CONFIG_A=y\n")


def make(
    system: str = "x86_64-linux",
    tree: Derivation = TREE,
    fragments: tuple[Output, ...] = (),
    **changes: Any,  # noqa: ANN401 -- what a test gives
) -> ConfigSteps:
    """Return the configuration of a kernel with *changes*."""
    arguments = Arguments(**{"version": "6.12", "source": tree, **changes})
    toolchain = gcc_toolchain(fake_lock(), system)
    return configuration(
        arguments, toolchain, tree.out, merged_requests(arguments, toolchain.arch), fragments=fragments
    )


def test_only_the_slice_depends_on_the_tree() -> None:
    """All other steps mount the files that Kconfig reads, not the source."""
    it = make()

    assert dict(it.tree.derivation.mounts) == {"/tree": TREE.out}
    assert it.resolver.mounts["/src"] == it.tree == it.base.derivation.mounts["/src"] == it.resolved.mounts["/src"]
    assert all(TREE.out not in part.inputs for part in (it.resolver, it.base.derivation, it.resolved, it.checked))


def test_a_patch_of_other_files_changes_no_action() -> None:
    """With an equal slice, the resolver, the base and the resolution of equal requests are the same."""

    def content(output: Output) -> bytes:
        return output.derivation.name.encode().ljust(32)  # both slices have the same content

    one, other = make(), make(tree=PATCHED)

    assert one.tree != other.tree
    for name in ("resolver", "resolved", "checked"):
        first, second = getattr(one, name), getattr(other, name)
        assert first != second
        assert first.action_key(content) == second.action_key(content)
    assert one.base.derivation.action_key(content) == other.base.derivation.action_key(content)


def test_the_resolver_depends_on_tree_and_toolchain() -> None:
    """It does not depend on requests, name or extra version: kernels of one tree share their resolver."""
    others = make(extra_config={"A": YES}, name="linux-mine", extra_version="-mine", base="tinyconfig")

    assert make().resolver == others.resolver
    assert make().resolver != make(make_flags=["HOSTCFLAGS=-O1"]).resolver
    assert make().resolver != make("aarch64-linux").resolver


def test_make_always_gets_the_architecture() -> None:
    """Without ARCH, the kernel's makefile would use that of the machine, and on x86 the 32-bit one."""
    it = make("aarch64-linux", make_flags=["V=1"])
    tail = ("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "V=1")

    assert it.resolver.args[-3:] == tail
    assert it.base.derivation.args[-4:] == ("defconfig", *tail)


def test_a_base_can_be_a_file() -> None:
    """A file is the base itself; a target is built."""
    assert make(base=FILE).base == FILE.out
    assert make(base="tinyconfig").base.derivation.name == "linux-tinyconfig"


def test_fragments_are_below_requests() -> None:
    """Later fragments override earlier ones: built fragments come first, then defaults, then requests."""
    it = make(fragments=(FILE.out,), extra_config={"B": YES, "C": default(YES)}).resolved
    places = ("/fragment-00", "/fragment-01", "/fragment-02")

    assert it.args[-3:] == places
    others, defaults, asked = (it.mounts[place] for place in places)
    assert others == FILE.out
    assert "CONFIG_C=y\n" in defaults.derivation.env["text"]
    assert asked.derivation.env["text"] == "CONFIG_B=y\n"


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        pytest.param({}, "plain", id="neither"),
        pytest.param({"auto_modules": True}, "modules", id="modules"),
        pytest.param({"auto_modules": True, "prefer_builtin": True}, "builtin", id="both"),
        pytest.param({"prefer_builtin": True}, "plain", id="builtin-alone-says-nothing"),
    ],
)
def test_modes_for_other_tristates(changes: dict[str, Any], mode: str) -> None:
    """`prefer_builtin` only limits `auto_modules`, as in nixpkgs."""
    assert make(**changes).resolved.args[2] == mode


def test_the_resolver_needs_no_root_file_system() -> None:
    """The program runs by itself, without a compiler or a shell."""
    assert "/" not in make().resolved.mounts
    assert make().resolved.builder == "/resolver/kconf"


def test_every_request_is_checked() -> None:
    """The check gets each request as its line in the `.config`, and the names of those that may fail."""
    env = make(extra_config={"A": YES, "B": optional(MODULE), "C": NO}).checked.env

    lines = json.loads(env["requests"])
    assert {name: lines[name] for name in "ABC"} == {
        "A": "CONFIG_A=y",
        "B": "CONFIG_B=m",
        "C": "# CONFIG_C is not set",
    }
    assert {"A", "B", "C"} & set(json.loads(env["optional"])) == {"B"}


def test_errors_can_be_ignored() -> None:
    """`ignore_config_errors` makes every request optional."""
    env = make(extra_config={"A": YES}, ignore_config_errors=True).checked.env

    assert set(json.loads(env["optional"])) == set(json.loads(env["requests"]))


def test_origins_are_not_part_of_keys() -> None:
    """The check knows the place of a request, but does not depend on it."""
    one = make(extra_config=Fragment("mine", "CONFIG_A=y")).checked
    other = make(extra_config=Fragment("yours", "CONFIG_A=y")).checked

    assert str(one.hints.origins["A"]).startswith("mine")
    assert str(other.hints.origins["A"]).startswith("yours")
    assert one == other


def test_an_exact_configuration_is_compared_with_its_base() -> None:
    """With `exact`, the check sees the base."""
    assert make(base=FILE, exact=True).checked.mounts["/base"] == FILE.out
    assert "base" not in make(base=FILE, exact=True).checked.env
    assert "/base" not in make(base="tinyconfig").checked.mounts


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        pytest.param({}, "told", id="by-default"),
        pytest.param({"strict_base": True}, "strict", id="strict"),
        pytest.param({"strict_base": True, "ignore_config_errors": True}, "told", id="errors-ignored"),
    ],
)
def test_a_base_file_is_compared_with_the_result(changes: dict[str, Any], word: str) -> None:
    """If the base is a file, the check sees it."""
    found = make(base=FILE, **changes).checked

    assert (FILE.out, word) == (found.mounts["/base"], found.env["base"])
