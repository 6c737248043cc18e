"""Tests of derivations.linux.in_tree: the inputs of modules of the kernel's own tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.kconfig.language.values import YES
from derivations.linux.arguments import InvalidArgument
from derivations.linux.kernel import make_linux
from derivations.linux.patch import Patch
from derivations.source import text_file
from tests.derivations.linux.script_machine import RELEASE, Machine
from tests.fakes import fake_context


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.linux.kernel import Kernel


def kernel(**arguments: Any) -> Kernel:  # noqa: ANN401 -- those of make_linux
    return make_linux(**{"version": "6.12.1", "source": text_file("linux", ""), "context": fake_context(), **arguments})


def test_what_it_is_built_with() -> None:
    """It is built from its sources and the kernel's `dev`, without the map of addresses, with make's arguments."""
    linux = kernel(make_flags=["KCFLAGS=-O3"])
    module = linux.module("drivers/net/wireguard")
    joined = module.mounts["/kernel"].derivation

    assert module.name == "wireguard-6.12.1"
    assert module.args[2:] == ("in-tree", "wireguard", "6.12.1", "ARCH=x86_64", "LOCALVERSION=", "KCFLAGS=-O3")
    assert joined.mounts["/0000"] == linux.dev
    assert joined.env["exclude"] == '["lib/modules/6.12.1/build/System.map"]'
    assert module.mounts["/sources"].derivation.env["modules"] == "drivers/net/wireguard"
    assert linux.dev not in module.inputs


def test_options_come_first() -> None:
    """Whether the kernel has the options is checked before it is compiled."""
    linux = kernel()
    checked = linux.module("drivers/net/wireguard").mounts["/checked"].derivation
    assert linux.derivation not in {it.derivation for it in checked.inputs}


def test_patches() -> None:
    """All patches are applied in one layer above the source; what those of the kernel do is known besides."""
    own, new = Patch("own", text="x"), Patch("new", text="y")
    mounts = kernel(patches=[own]).module("a", patches=[new]).mounts["/sources"].derivation.mounts

    assert {it.removesuffix("-before") for it in mounts} == {"/tree", "/changes", "/removed"}
    assert mounts["/tree"].derivation.mounts["/0001"] == mounts["/changes"]
    assert mounts["/changes"] != mounts["/changes-before"]
    assert "/changes-before" not in kernel().module("a", patches=[new]).mounts["/sources"].derivation.mounts
    assert set(kernel(patches=[own]).module("a").mounts["/sources"].derivation.mounts) == {"/tree"}


def test_it_joins_the_others() -> None:
    """`with_modules` takes it."""
    linux = kernel()
    module = linux.module("a", "fs/b", name="mine")
    assert module.out in linux.with_modules([module]).inputs
    assert linux.module("fs/a", "fs/b").name == "a-and-1-more-6.12.1"


@pytest.mark.parametrize(
    ("paths", "arguments", "argument"),
    [
        ([], {}, "module"),
        (["../x"], {}, "module"),
        (["/x"], {}, "module"),
        (["a b"], {}, "module"),
        ([3], {}, "module"),
        (["x"], {"patches": "x"}, "patches"),
        (["x"], {"patches": ["x"]}, "patches"),
        (["x"], {"patches": [Patch("p", extra_config={"A": YES})]}, "patches"),
        (["x"], {"name": "a/b"}, "name"),
    ],
)
def test_invalid(paths: list[Any], arguments: dict[str, Any], argument: str) -> None:
    """What is not valid is an error that names the argument."""
    with pytest.raises(InvalidArgument) as caught:
        kernel().module(*paths, **arguments)
    assert caught.value.argument == argument


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path / "machine")
    found.write({"out/out/x": ""})
    return found


@pytest.mark.parametrize(
    ("config", "words", "hint"),
    [
        ("CONFIG_WG=m", None, None),
        ("CONFIG_OTHER=m", "fs/x: WG is n, MORE is n", '"WG": MODULE'),
        ("CONFIG_WG=y\nCONFIG_MORE=m", None, None),
        ("CONFIG_WG=y", "fs/x: WG is y (built in), MORE is n", '"WG": MODULE'),
    ],
)
def test_options(machine: Machine, config: str, words: str | None, hint: str | None) -> None:
    """A kernel without any of the modules is an error that names the options and what to do."""
    machine.write({"config": f"{config}\n", "list": "fs/x\t-\twg:WG wg2:WG more:MORE\nfs/y\talways\talways:m\n"})
    (machine.root / "out/out/x").unlink()
    (machine.root / "out/out").rmdir()
    run = machine.run("/bin/sh", "module-options")

    if words is None:
        assert run.code == 0, run.lines
    else:
        assert words in run.error["error"]
        assert hint in run.error["hint"]  # type: ignore[operator]


def test_the_mark_of_the_tree(machine: Machine) -> None:
    """Modpost's replacement marks the modules as the kernel's own where modpost itself would, once."""
    text = "__visible struct module __this_module = {\n\t.arch = X,\n};\n\n#ifdef Y\nMODULE_INFO(retpoline, 1);\n"
    program = f"programs/lib/modules/{RELEASE}/build/scripts/mod/modpost"
    machine.write({"tree/a.mod.c": text, "tree/order": "/tree/a.o\n", program: "#!/bin/sh\n", "list": "", "config": ""})
    (machine.root / program).chmod(0o755)
    for _ in range(2):
        done = machine.run("/bin/sh", "modpost", "-e", "-T", "/tree/order")
        assert done.code == 0, done.lines
    found = (machine.root / "tree/a.mod.c").read_text()
    assert found == text.replace("};\n", '};\n\nMODULE_INFO(intree, "Y");\n')
