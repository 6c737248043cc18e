"""Tests of derivations.linux.prebuilt and derivations.linux.firmware_tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import Context, using
from derivations.debian.lock import Lock, MissingPackage, MissingSet, dumps, parse
from derivations.kconfig.language.values import YES
from derivations.linux.arguments import InvalidArgument
from derivations.linux.firmware_tree import debian_firmware
from derivations.linux.kernel import UnsupportedSystem
from derivations.linux.module import make_linux_module
from derivations.linux.patch import Patch
from derivations.linux.prebuilt import AlreadyCompiled, PrebuiltKernel, debian_kernel
from derivations.source import text_file
from kernels import kernel_set
from tests.fakes import fake_kernel_lock, fake_lock, fake_package, no_context


if TYPE_CHECKING:
    from collections.abc import Callable

    from derivations.derivation import Derivation


CLOUD = "linux-image-cloud-amd64"
ARM = fake_kernel_lock("linux-image-cloud-arm64", "6.1.0-9-cloud-arm64", architecture="arm64")


def of(lock: Lock, name: str = CLOUD, system: str = "x86_64-linux", **arguments: Any) -> PrebuiltKernel:  # noqa: ANN401 -- those of `debian_kernel`
    """Return the kernel in the package *name*, pinned by *lock*."""
    return debian_kernel(name, context=Context(lock=lambda: lock, system=system), **arguments)


def mounted(derivation: Derivation) -> dict[str, str]:
    """Return the names of the packages that *derivation* sees."""
    return {place: it.derivation.name for place, it in derivation.mounts.items() if place != "/"}


def test_the_lock_is_not_read() -> None:
    """Neither the set of kernels nor a kernel of it reads a lock before something depends on it."""
    with using(no_context()):
        kernel = kernel_set()["linux_debian_cloud"]
        assert kernel.description == f"Debian's kernel {CLOUD}, as compiled and signed there"
        assert debian_kernel(CLOUD, description="ours").description == "ours"


def test_what_a_metapackage_leads_to() -> None:
    """Release, version and name are those of the kernel that the metapackage depends on."""
    kernel = of(fake_kernel_lock())
    assert (kernel.release, kernel.version) == ("6.1.0-9-cloud-amd64", "6.1.158")
    assert kernel.name == "linux-6.1.0-9-cloud-amd64"


def test_outputs() -> None:
    """Image and modules come from one package, `dev` from three, so a boot fetches no headers."""
    kernel = of(fake_kernel_lock())
    assert list(kernel.outputs) == ["out", "modules", "dev"]
    assert mounted(kernel.derivation) == {"/package": "linux-image-6.1.0-9-cloud-amd64-6.1.158-1"}
    assert kernel.derivation.outputs == ("out", "modules")
    assert mounted(kernel.dev.derivation) == {
        "/common": "linux-headers-6.1.0-9-common-6.1.158-1",
        "/headers": "linux-headers-6.1.0-9-cloud-amd64-6.1.158-1",
        "/kbuild": "linux-kbuild-6.1-6.1.158-1",
    }


def test_debug_information_is_a_set_of_its_own() -> None:
    """The symbols, which are large, are pinned only where they are wanted."""
    lock = fake_kernel_lock()
    with pytest.raises(MissingSet) as caught:
        _ = of(lock).debug
    debug = fake_package(caught.value.name, "amd64", "6.1.158-1")
    more = Lock(packages=[*lock.packages, debug], sets={**lock.sets, debug.name: [debug.identity]})
    assert mounted(of(more).outputs["debug"].derivation) == {"/package": f"{debug.name}-6.1.158-1"}


def test_it_is_configured_and_booted_as_any_other() -> None:
    """Its Kconfig is that of Debian's source at the same version, with Debian's configuration and no requests."""
    kernel = of(fake_kernel_lock())
    assert kernel.base_config == kernel.configuration
    assert kernel.source.derivation.mounts["/archive"].derivation.name == "linux-source-6.1-6.1.158-1"
    assert not kernel.requests
    assert kernel.resolved.mounts["/base"] == kernel.configuration
    assert kernel.tests.boot.mounts["/kernel"] == kernel.out


def test_modules_for_it() -> None:
    """Modules are built against its headers and joined with its modules; its symbols are known from the headers."""
    kernel = of(fake_kernel_lock())
    hello = make_linux_module(kernel, text_file("hello", ""), name="hello")
    assert (hello.mounts["/kernel"], hello.name) == (kernel.dev, "hello-6.1.0-9-cloud-amd64")
    both = kernel.with_modules([hello])
    assert (both.mounts["/kernel"], both.mounts["/kernel-modules"]) == (kernel.dev, kernel.modules)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda it: it.override(extra_config={"KGDB": YES}), ("extra_config",)),
        (lambda it: it.override(patches=[Patch("a", text="x")], extra_version="-x"), ("patches", "extra_version")),
        (lambda it: it.override_attrs(lambda _: {}), ("override_attrs",)),
    ],
)
def test_it_is_compiled_already(change: Callable[[PrebuiltKernel], object], what: tuple[str, ...]) -> None:
    """A change is refused, and the hint says how to build a kernel with it."""
    with pytest.raises(AlreadyCompiled) as caught:
        change(of(fake_kernel_lock()))
    assert (caught.value.what, caught.value.package) == (what, CLOUD)
    assert all(f"{it}=…" in caught.value.hint for it in what if it != "override_attrs")
    assert "linux_debian_6_1.override" in caught.value.hint


def test_from_source() -> None:
    """The same kernel can be built from source, where it can be changed and has the release of its source."""
    kernel = of(fake_kernel_lock()).from_source.override(extra_config={"KGDB": YES})
    assert (kernel.release, kernel.requests["KGDB"].value) == ("6.1.158", YES)
    assert kernel.base_config == of(fake_kernel_lock()).configuration


def test_it_is_refused_without_a_lock() -> None:
    """A change is refused even if no lock says which version the kernel has."""
    with using(no_context()), pytest.raises(AlreadyCompiled):
        of(fake_lock()).override(extra_version="-x")


@pytest.mark.parametrize(
    "name", ["bash", "linux-image-amd64-dbg", "linux-source-6.1", "", "../linux-image-amd64", "linux-image-a b", None]
)
def test_not_a_kernel(name: Any) -> None:  # noqa: ANN401 -- what a user may write
    """Another package, or none, is refused by its name."""
    with pytest.raises(InvalidArgument) as caught:
        debian_kernel(name)
    assert caught.value.argument == "package"


@pytest.mark.parametrize("version", ["", "x", 6, "6.1 1", "6.1\n"])
def test_not_a_version(version: Any) -> None:  # noqa: ANN401 -- as above
    """What cannot be a version is refused."""
    with pytest.raises(InvalidArgument) as caught:
        debian_kernel(CLOUD, version=version)
    assert caught.value.argument == "version"


def test_a_kernel_that_the_lock_does_not_pin() -> None:
    """The hint is the command that pins it, at its version."""
    with pytest.raises(MissingSet) as caught:
        _ = of(fake_kernel_lock(), version="6.1.9-1").derivation
    assert f"kernix lock --add {CLOUD}=6.1.9-1" in caught.value.hint


def test_a_chosen_version() -> None:
    """A version has its own set, which a lock of version 3 can have."""
    lock = fake_kernel_lock(f"{CLOUD}=6.1.9-1", version="6.1.9-1")
    assert of(lock, version="6.1.9-1").version == "6.1.9"
    assert '"version": 3' in dumps(lock)
    assert parse(dumps(lock)) == lock


def test_a_set_without_a_kernel() -> None:
    """A set that lacks a part is reported with the part."""
    lock = fake_kernel_lock()
    members = [it for it in lock.sets[CLOUD] if "headers-6" not in it]
    with pytest.raises(MissingPackage) as caught:
        _ = of(Lock(packages=lock.packages, sets={**lock.sets, CLOUD: members})).dev
    assert caught.value.package == "linux-headers-6.1.0-9-cloud-amd64"


@pytest.mark.parametrize("lock", [fake_kernel_lock(), fake_lock()], ids=["pinned", "not pinned"])
def test_another_system(lock: Lock) -> None:
    """A kernel for other machines is refused, whether or not it is pinned."""
    with pytest.raises(UnsupportedSystem) as caught:
        _ = of(lock, system="aarch64-linux").derivation
    assert (caught.value.system, caught.value.systems) == ("aarch64-linux", ("x86_64-linux",))


def test_a_kernel_for_other_machines() -> None:
    """Its package is taken apart by this machine's programs, and `dev` has this machine's, too."""
    kernel = of(ARM, "linux-image-cloud-arm64", "aarch64-linux")
    assert (kernel.derivation.system, kernel.derivation.env["SRCARCH"]) == ("x86_64-linux", "arm64")
    kbuild = kernel.dev.derivation.mounts["/kbuild"].derivation
    assert kbuild.env["path"].endswith("_amd64.deb")


def test_the_cloud_kernel_is_for_the_system() -> None:
    """`linux_debian_cloud` is the one for the set's system."""
    assert kernel_set(system="aarch64-linux", lock=ARM)["linux_debian_cloud"].release == "6.1.0-9-cloud-arm64"


# Firmware


def firmware_lock(**sets: str) -> Lock:
    """Return a lock with the package of each of *sets* at a version."""
    found = {name: fake_package("firmware-iwlwifi", "all", version) for name, version in sets.items()}
    fixed = fake_lock()
    return Lock(
        packages=[*fixed.packages, *found.values()],
        sets={**fixed.sets, **{name.replace("_", "-"): [it.identity] for name, it in found.items()}},
    )


def test_firmware() -> None:
    """The tree is made from the packages of the sets."""
    lock = firmware_lock(firmware_iwlwifi="2-1")
    found = debian_firmware("firmware-iwlwifi", context=Context(lock=lambda: lock))
    assert mounted(found) == {"/packages/firmware-iwlwifi": "firmware-iwlwifi-2-1"}


def test_firmware_in_two_versions() -> None:
    """Two sets with two versions of one package cannot be joined."""
    lock = firmware_lock(firmware_iwlwifi="2-1", firmware_linux="1-1")
    with pytest.raises(InvalidArgument, match="2-1 and 1-1"):
        debian_firmware("firmware-iwlwifi", "firmware-linux", context=Context(lock=lambda: lock))


@pytest.mark.parametrize("names", [(), ("bash",), (3,), ("firmware-iwlwifi=",)])
def test_not_firmware(names: tuple[Any, ...]) -> None:
    """Other packages, and none, are refused."""
    with pytest.raises(InvalidArgument):
        debian_firmware(*names)
