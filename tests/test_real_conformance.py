"""kernix resolves configurations exactly like the kernel's own makefile, byte for byte.

The kernel's side runs in the whole tree, ours in the slice that kernix takes from it; both use the same toolchain.
"""

from __future__ import annotations

import math
import os

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.kconfig.language.values import MODULE, NO, YES, Unset
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.model import Model
from derivations.linux.arguments import Arguments
from derivations.linux.configuration import base, config_tree, configuration, resolver
from derivations.linux.requested import merged_requests
from derivations.realise.kconfig_session import Evaluator, ResolverFailed, evaluator
from derivations.realise.realise import realise
from derivations.realise.sandbox.interactive import session
from derivations.systems import MACHINES
from derivations.toolchain import gcc_toolchain
from kernels import kernel_set
from store.local import Store
from tests.conformance import olddefconfig, random_config, targets


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from derivations.debian.lock import Lock
    from derivations.derivation import Output
    from derivations.toolchain import Toolchain
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

TREES = ("linux_debian_6_1", "linux_debian_6_12")
SYSTEMS = ("x86_64-linux", "i686-linux", "aarch64-linux")
BASES = 2
COUNT = math.ceil(int(os.environ.get("KERNIX_CONFORMANCE", "36")) / (len(TREES) * len(SYSTEMS) * BASES))
TARGETS = (
    "x86_64:tinyconfig", "x86_64:defconfig", "i386:defconfig", "arm64:defconfig", "riscv:defconfig", "riscv:allnoconfig",
    "powerpc:ppc64le_defconfig", "s390:defconfig", "mips:malta_defconfig", "x86_64:kvm_guest.config",
)  # fmt: skip


@pytest.fixture(scope="module")
def store(real: Kernix) -> Iterator[Store]:
    with Store.open(real.home / "kernix") as store:
        yield store


@pytest.fixture(scope="module")
def lock(real: Kernix) -> Lock:
    return real.lock()


def toolchain_for(system: str, lock: Lock) -> Toolchain:
    """Return the machine's own compiler as if it were one for *system*: Kconfig needs only its answers."""
    native = gcc_toolchain(lock, "x86_64-linux")
    machine = MACHINES[system]
    return attrs.evolve(native, arch=machine.arch, srcarch=machine.srcarch)


def tree_of(attribute: str, lock: Lock) -> Output:
    """Return the whole tree of the kernel *attribute*."""
    tree: Output = kernel_set(lock=lock)[attribute].tree
    return tree


def version_of(attribute: str, lock: Lock) -> str:
    """Return the version of the kernel *attribute*."""
    version: str = kernel_set(lock=lock)[attribute].version
    return version


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("attribute", TREES)
def test_random_configurations(attribute: str, system: str, store: Store, lock: Lock) -> None:
    """Options of every kind, valid and invalid values, and unknown names resolve as with `make olddefconfig`."""
    toolchain, tree = toolchain_for(system, lock), tree_of(attribute, lock)
    sources = config_tree(tree)
    program = resolver(sources, toolchain, toolchain.make_flags)
    model = Model.read(store.path(realise(store, program)["out"]) / "model")
    start = base("defconfig", sources, toolchain, toolchain.make_flags)
    text = store.path(realise(store, start)["out"]).read_text()

    with evaluator(store, program) as evaluate:
        bases = {name: (it, evaluate(it)) for name, it in {"empty": "", "defconfig": text}.items()}
        texts = {
            f"{name}-{number}": random_config(f"{attribute} {system} {name} {number}", it, model, values)
            for name, (it, values) in bases.items()
            for number in range(COUNT)
        }
        expected = store.path(realise(store, olddefconfig(texts, tree, toolchain))["out"])
        for name, it in texts.items():
            got = evaluate.olddefconfig(it)
            assert got == (expected / name).read_text(), name
            settled = evaluate.config(it)
            assert evaluate.olddefconfig(settled) == settled, name
            assert {option for option, state in evaluate(it).items() if state.written} == _options(got), name


def _options(config: str) -> set[str]:
    """Return the options that *config* has lines for."""
    lines = (line.removeprefix("# ") for line in config.splitlines())
    return {line[len("CONFIG_") :].partition("=")[0].partition(" ")[0] for line in lines if line.startswith("CONFIG_")}


@pytest.mark.parametrize("attribute", TREES)
def test_targets_of_the_slice(attribute: str, store: Store, lock: Lock) -> None:
    """The targets of make give the same configurations in the slice as in the whole tree, for every architecture."""
    tree = tree_of(attribute, lock)
    native = gcc_toolchain(lock, "x86_64-linux")
    whole, part = (store.path(realise(store, targets(TARGETS, it, native))["out"]) for it in (tree, config_tree(tree)))

    assert {it.name: it.read_text() for it in part.iterdir()} == {it.name: it.read_text() for it in whole.iterdir()}


@pytest.mark.parametrize("attribute", TREES)
def test_requests_over_a_base(attribute: str, store: Store, lock: Lock) -> None:
    """A kernel's configuration is its base with the requests on top, resolved by Kconfig; repair sees the same."""
    toolchain = gcc_toolchain(lock, "x86_64-linux")
    tree = tree_of(attribute, lock)
    asked = {
        "PREEMPT": YES,
        "KGDB": YES,
        "USB_STORAGE": MODULE,
        "NFS_FS": NO,
        "LOG_BUF_SHIFT": 19,
        "LOCALVERSION": "-x",
    }
    arguments = Arguments(version=version_of(attribute, lock), source=tree, extra_config=asked)
    requests = merged_requests(arguments, toolchain.arch)
    it = configuration(arguments, toolchain, tree, requests)
    model = Model.read(store.path(realise(store, it.resolver)["out"]) / "model")
    start = store.path(realise(store, it.base)["out"]).read_text()

    result = store.path(realise(store, it.checked)["out"]).read_text()
    with evaluator(store, it.resolver) as evaluate:
        values = {name: it.value for name, it in requests.requests.items() if not isinstance(it.value, Unset)}
        assert result == evaluate.config(compose(start, values, model))
    assert {'CONFIG_LOCALVERSION="-x"', "CONFIG_PREEMPT=y", "# CONFIG_PREEMPT_VOLUNTARY is not set"} <= set(
        result.splitlines()
    )


@pytest.mark.parametrize("attribute", TREES)
def test_everything_becomes_a_module(attribute: str, store: Store, lock: Lock) -> None:
    """With `auto_modules`, every tristate that can be a module is one, unless requested; `prefer_builtin` keeps y."""
    toolchain = gcc_toolchain(lock, "x86_64-linux")
    tree = tree_of(attribute, lock)
    counts = {}
    for prefer_builtin in (False, True):
        arguments = Arguments(
            version=version_of(attribute, lock), source=tree, extra_config={"NILFS2_FS": NO, "EXT4_FS": YES, "KGDB": YES},
            auto_modules=True, prefer_builtin=prefer_builtin,
        )  # fmt: skip
        it = configuration(arguments, toolchain, tree, merged_requests(arguments, toolchain.arch))
        result = store.path(realise(store, it.checked)["out"]).read_text()
        counts[prefer_builtin] = result.count("=m\n")
        assert {"# CONFIG_NILFS2_FS is not set", "CONFIG_EXT4_FS=y", "CONFIG_XFS_FS=m"} <= set(result.splitlines())
        assert ("CONFIG_USB=y" in result.splitlines()) is prefer_builtin
        with evaluator(store, it.resolver) as evaluate:
            assert evaluate.olddefconfig(result) == result
    assert counts[False] > counts[True] > 4000


def test_an_unrecorded_probe_is_an_error(store: Store, lock: Lock, tmp_path: Path) -> None:
    """A missing answer is not taken for an empty one, and no compiler is run silently."""
    toolchain = gcc_toolchain(lock, "x86_64-linux")
    sources = config_tree(tree_of(TREES[0], lock))
    program = resolver(sources, toolchain, toolchain.make_flags)
    made = store.path(realise(store, program)["out"])
    tmp_path.joinpath("environment").write_bytes(made.joinpath("environment").read_bytes())
    tmp_path.joinpath("probes").touch()

    mounts = {"/resolver": program.out, "/src": sources}
    command = ("/resolver/kconf", "/without", "serve")
    with (
        session(store, mounts, command, writable={"/without": tmp_path}) as process,
        pytest.raises(ResolverFailed, match=r"configuration: nobody recorded what this prints: .*gcc"),
    ):
        Evaluator(process)("")
