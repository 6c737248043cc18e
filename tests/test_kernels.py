"""The kernel set: every attribute evaluates, without network, to the derivations in the golden file."""

from __future__ import annotations

import json
import socket

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import attrs
import pytest

import kernels

from derivations.context import using
from derivations.debian.lock import Lock
from derivations.debian.pinned_kernel import upstream_version
from derivations.fixpoint import UnknownAttribute
from derivations.kconfig.language.values import YES
from derivations.linux.boot import needed_options
from derivations.linux.kernel import UnsupportedSystem
from derivations.linux.pins import InvalidPins, Release
from derivations.toolchain import gcc_toolchain
from kernels import MICRO_SYSTEMS, NoLinuxSource, attribute_of, kernel_set, releases
from tests.fakes import fake_context, fake_lock, fake_package, no_context
from tests.golden.documents import DOCUMENTS


if TYPE_CHECKING:
    from derivations.derivation import Derivation


GOLDEN = Path(__file__).parent / "golden"
WRITTEN = {"builtin:union", "builtin:write-text"}
"""Builders that need no inputs but strings."""

NAMES = [
    "linux_5_10", "linux_5_15", "linux_6_1", "linux_6_12", "linux_6_18", "linux_6_6", "linux_debian_6_1",
    "linux_debian_6_12", "linux_guest", "linux_latest", "linux_lts", "linux_micro", "linux_stalix", "linux_testing",
]  # fmt: skip
PREBUILT = ["linux_debian_amd64", "linux_debian_arm64", "linux_debian_cloud"]
"""Kernels that the lock must pin one by one (`tests.derivations.linux.test_prebuilt`)."""


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid sockets: evaluation does not need the network."""

    def refuse(*_: object, **__: object) -> NoReturn:
        msg = "evaluating opened a socket"
        raise AssertionError(msg)

    monkeypatch.setattr(socket, "socket", refuse)


def all_inputs(derivation: Derivation) -> set[Derivation]:
    """Return *derivation* and all its transitive inputs."""
    seen, todo = {derivation}, [derivation]
    while todo:
        new = {it.derivation for it in todo.pop().inputs} - seen
        seen |= new
        todo += new
    return seen


def test_the_names() -> None:
    """The set lists these kernels without evaluating them or reading a lock."""
    with using(no_context()):
        assert list(kernel_set()) == sorted(NAMES + PREBUILT)


def sid_lock(*series: str) -> Lock:
    """Return a lock of a rolling release, with sources of *series*."""
    sources = {f"linux-source-{it}": fake_package(f"linux-source-{it}", "all", f"{it}.3-1") for it in series}
    fixed = fake_lock(["busybox", "gcc", "qemu"])
    return Lock(
        packages=[*fixed.packages, *sources.values()],
        sets={**fixed.sets, **{name: [it.identity] for name, it in sources.items()}},
    )


def test_debians_kernels_are_those_of_the_lock() -> None:
    """There is a kernel for exactly each source in the lock; linux_micro uses the newest."""
    found = kernel_set(lock=sid_lock("6.9", "6.19", "7.2"))
    assert [it for it in found if "debian" in it and it not in PREBUILT] == [
        "linux_debian_6_19",
        "linux_debian_6_9",
        "linux_debian_7_2",
    ]
    assert (found.linux_micro.version, found.linux_debian_6_19.version) == ("7.2.3", "6.19.3")
    with pytest.raises(UnknownAttribute):
        found["linux_debian_6_1"]


def test_debians_kernels_are_those_of_the_lock_in_use() -> None:
    """If the context has a lock, the set has its sources; otherwise, listing the names does not make one."""
    lock = sid_lock("7.2")
    with using(attrs.evolve(no_context(), pinned=lambda: lock)):
        found = [it for it in kernel_set(system="aarch64-linux") if "debian" in it]
        assert found == ["linux_debian_7_2", *PREBUILT]
    with using(attrs.evolve(no_context(), pinned=lambda: None)):
        assert list(kernel_set()) == sorted(NAMES + PREBUILT)


def test_a_lock_without_a_source_of_linux() -> None:
    """A lock without a source of Linux is reported."""
    with pytest.raises(NoLinuxSource):
        kernel_set(lock=fake_lock(["busybox", "gcc", "qemu"])).linux_micro  # noqa: B018 -- the access evaluates it


@pytest.mark.parametrize("name", NAMES)
def test_every_kernel_evaluates(name: str) -> None:
    """Each attribute gives a kernel, its outputs and its boot test, from fixed-output sources up."""
    kernel = kernel_set(lock=fake_lock())[name]
    graph = all_inputs(kernel.tests.boot)

    assert kernel.derivation in graph
    assert {it.name for it in (kernel.out, kernel.modules, kernel.debug)} == {"out", "modules", "debug"}
    assert kernel.dev.derivation.name == f"{kernel.derivation.name}-dev"
    assert all(it.fixed or it.inputs or it.builder in WRITTEN for it in graph)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_golden(document: str) -> None:
    """The result of evaluation is the golden file; `python -m tests.golden.write` rewrites it."""
    assert (GOLDEN / document).read_bytes() == DOCUMENTS[document]()


def test_kernels_of_kernel_org_need_no_lock() -> None:
    """Version, source and description of a pinned release are known without a lock."""
    with using(no_context()):
        kernel = kernel_set().linux_6_12

        assert kernel.version == releases()["6.12"].version
        assert kernel.source.derivation.fixed is not None
        assert kernel.source.derivation.fixed.digest == releases()["6.12"].sha256


def test_aliases() -> None:
    """The latest, the latest longterm and the testing kernel follow the pins."""
    found = kernel_set(lock=fake_lock())

    assert found.linux_latest is found.linux_6_18
    assert found.linux_lts is found.linux_6_12
    assert "-rc" in found.linux_testing.version


def test_aliases_follow_overlays() -> None:
    """An overlay that changes a kernel also changes its aliases."""
    found = kernel_set(
        [lambda _, prev: {"linux_6_18": lambda: prev.linux_6_18.override(name="mine")}], lock=fake_lock()
    )

    assert found.linux_latest.name == found.linux_6_18.name == "mine-6.18.5"


def test_the_context_in_use() -> None:
    """Without a lock of its own, the set uses the one in use when a kernel is evaluated."""
    found = kernel_set()
    with using(fake_context()):
        assert found.linux_micro.derivation == kernel_set(lock=fake_lock()).linux_micro.derivation


def test_systems() -> None:
    """A set is for one system, and a kernel that does not support it fails with an error."""
    found = kernel_set(system="aarch64-linux", lock=fake_lock())

    assert "ARCH=arm64" in found.linux_6_12.derivation.args
    with pytest.raises(UnsupportedSystem) as caught:
        _ = found.linux_stalix.derivation
    assert ("aarch64-linux", ("x86_64-linux",)) == (caught.value.system, caught.value.systems)


@pytest.mark.parametrize("system", MICRO_SYSTEMS)
def test_linux_micro_on_every_system(system: str) -> None:
    """It asks for what its boot needs on each system, and for no option of another one's console."""
    kernel = kernel_set(system=system, lock=fake_lock()).linux_micro
    asked = {name for name, request in kernel.requests.items() if request.value is YES}
    needed = needed_options(kernel.toolchain)
    others = {it for other in MICRO_SYSTEMS for it in needed_options(gcc_toolchain(fake_lock(), other))}

    assert set(needed) <= asked
    assert not {it for it in others & asked if "CONSOLE" in it} - set(needed)


def test_unknown() -> None:
    """The error for an unknown kernel suggests similar names."""
    with pytest.raises(UnknownAttribute) as caught:
        _ = kernel_set(lock=fake_lock()).linux_micr

    assert (caught.value.hint or "").startswith("did you mean `linux_micro`")


@pytest.mark.parametrize(
    ("version", "url"),
    [
        pytest.param("6.12.64", "https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.12.64.tar.xz", id="stable"),
        pytest.param("5.10.247", "https://cdn.kernel.org/pub/linux/kernel/v5.x/linux-5.10.247.tar.xz", id="v5"),
        pytest.param("6.19-rc4", "https://git.kernel.org/torvalds/t/linux-6.19-rc4.tar.gz", id="candidate"),
    ],
)
def test_where_releases_are(version: str, url: str) -> None:
    """Releases are in the directory of their first number, candidates are snapshots of the repository."""
    assert url == Release(version=version, sha256="", longterm=False).url


@pytest.mark.parametrize(
    ("package", "version"),
    [
        pytest.param("6.12.43-1~bpo12+1", "6.12.43", id="backport"),
        pytest.param("6.1.158-1", "6.1.158", id="stable"),
        pytest.param("1:6.1.158-1", "6.1.158", id="epoch"),
        pytest.param("6.19~rc4-1~exp1", "6.19-rc4", id="candidate"),
    ],
)
def test_upstream_versions(package: str, version: str) -> None:
    """The kernel's version is Debian's without epoch and revision."""
    assert version == upstream_version(fake_package("linux-source-6.1", version=package))


def test_attributes_of_series() -> None:
    """The attribute of a series has underscores."""
    assert [attribute_of(it) for it in ("6.12", "testing")] == ["linux_6_12", "linux_testing"]


def test_the_pins_are_real_hashes() -> None:
    """Every release is pinned by a distinct SHA-256."""
    pins = json.loads(Path(__file__).parents[1].joinpath("kernels.json").read_text())

    assert {len(bytes.fromhex(it["sha256"])) for it in pins.values()} == {32}
    assert len({it["sha256"] for it in pins.values()}) == len(pins)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("[]", id="list"),
        pytest.param('{"6.12": 3}', id="number"),
        pytest.param('{"6.12": {"version": "6.12.1"}}', id="no-hash"),
        pytest.param('{"6.12": {"version": "6.12.1", "sha256": "x", "longterm": true, "x": 1}}', id="unknown-member"),
    ],
)
def test_damaged_pins(text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged kernels.json is reported with an error of ours."""
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "kernels.py"))
    releases.cache_clear()
    if text is not None:
        (tmp_path / "kernels.json").write_text(text)
    try:
        with pytest.raises(InvalidPins, match=r"kernels\.json: "):
            releases()
    finally:
        releases.cache_clear()


def test_nothing_of_the_set_is_shared() -> None:
    """Two sets do not see each other's overlays."""
    changed: Any = kernel_set([lambda _, __: {"mine": lambda: 1}], lock=fake_lock())

    assert changed.mine == 1
    assert "mine" not in kernel_set(lock=fake_lock())
