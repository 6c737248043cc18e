"""Tests of derivations.linux.module, .dkms and .packages: the inputs of modules, and the known modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import Context, using
from derivations.debian.lock import MissingSet
from derivations.fixpoint import CycleError
from derivations.linux.arguments import InvalidArgument
from derivations.linux.dkms import dkms_package
from derivations.linux.kernel import make_linux
from derivations.linux.module import make_linux_module, with_modules
from derivations.linux.packages import DKMS, UnknownModule
from derivations.linux.patch import Patch
from derivations.source import text_file
from tests.fakes import fake_context, fake_lock, no_context


if TYPE_CHECKING:
    from derivations.linux.kernel import Kernel

SOURCE = text_file("tree", "not really a tree")


def kernel(version: str = "6.12.1", **arguments: Any) -> Kernel:  # noqa: ANN401 -- those of make_linux
    return make_linux(**{"version": version, "source": text_file("linux", ""), "context": fake_context(), **arguments})


def test_what_it_is_built_with() -> None:
    """A module is built against its kernel's `dev`, with the kernel's toolchain and arguments of make."""
    linux = kernel(make_flags=["KCFLAGS=-O3"], extra_version="-mine")
    module = make_linux_module(linux, SOURCE, name="it", version="2", make_flags=["A=b"], directory="src")

    assert module.name == "it-2-6.12.1-mine"
    assert module.outputs == ("out", "dev")
    assert (linux.toolchain.root, linux.dev, SOURCE.out) == tuple(module.mounts[it] for it in ("/", "/kernel", "/src"))
    assert module.args[2:] == (
        "module",
        "it",
        "6.12.1-mine",
        "x86_64",
        "src",
        "ARCH=x86_64",
        "LOCALVERSION=-mine",
        "KCFLAGS=-O3",
        "A=b",
    )


def test_where_makefiles_look() -> None:
    """The builder finds the kernel at the same path as on a machine that runs it, and `uname` prints its release."""
    linux = kernel(extra_version="-mine")
    mounts = make_linux_module(linux, SOURCE, name="it").mounts
    links = mounts["/usr/lib/modules"].derivation.env["links"]
    uname = mounts["/usr/bin/uname"].derivation

    assert links == '{"6.12.1-mine":"../../../kernel/lib/modules/6.12.1-mine"}'
    assert "release=6.12.1-mine\nmachine=x86_64\n" in uname.env["text"]


def test_several_directories() -> None:
    """A list of directories is built in order; a single one may be a string, and the top is the default."""
    linux = kernel()
    given: list[tuple[Any, str]] = [(["b", "a/*"], "b a/*"), ("a", "a"), (None, ".")]
    for directory, message in given:
        assert make_linux_module(linux, SOURCE, name="it", directory=directory).args[6] == message


def test_a_dkms_package() -> None:
    """A package is found in the kernel's lock, by its name with or without `-dkms`, which is also the name of the modules."""
    lock = fake_lock(("busybox", "gcc", "vpoll-dkms"))
    linux = kernel(context=Context(lock=lambda: lock))
    module = make_linux_module(linux, dkms_package("vpoll"))

    assert dkms_package("vpoll") == dkms_package("vpoll-dkms")
    assert module.name == "vpoll-1.0-1-6.12.1"
    assert module.mounts["/src"].derivation.builder == "builtin:fetch-deb"
    assert module.args[6] == "usr/src/*"
    other = make_linux_module(linux, dkms_package("vpoll"), name="it", version="2", directory="usr/src/vpoll")
    assert (other.name, other.args[6]) == ("it-2-6.12.1", "usr/src/vpoll")
    with pytest.raises(MissingSet, match="no package set 'evdi-dkms'") as caught:
        make_linux_module(linux, dkms_package("evdi"))
    assert "kernix lock --add evdi-dkms" in str(caught.value.hint)
    for name in ("", "../x", 3, "Vpoll"):
        with pytest.raises(InvalidArgument, match="is not the name of a Debian package"):
            dkms_package(name)  # type: ignore[arg-type]  # what the user may write


def test_required_options_are_checked_first() -> None:
    """The check of required options needs only the configuration, and its mount sorts before the kernel's."""
    linux = kernel()
    module = make_linux_module(linux, SOURCE, name="it", requires=["USB|HID"])
    places = list(module.mounts)
    check = module.mounts["/checked"].derivation

    assert places.index("/checked") < places.index("/kernel")
    assert {linux.toolchain.root, linux.configuration} == set(check.inputs)
    assert check.args[2:] == ("require", "it", "MODULES", "USB|HID")


def test_dependencies() -> None:
    """A module that depends on another sees the other's `dev`."""
    linux = kernel()
    one = make_linux_module(linux, SOURCE, name="one")
    two = make_linux_module(linux, SOURCE, name="two", depends=[one])

    assert two.mounts["/depends/one-6.12.1"] == one.output("dev")


def test_patches_and_archives() -> None:
    """A source may be an archive, and be patched."""
    linux = kernel()
    archive = text_file("it.tar.gz", "")
    plain = make_linux_module(linux, archive, name="it").mounts["/src"]
    patched = make_linux_module(linux, archive, name="it", patches=[Patch("fix", text="--- a/x\n")]).mounts["/src"]

    assert plain.derivation.builder == "builtin:unpack"
    assert plain in patched.derivation.inputs


@pytest.mark.parametrize(
    ("argument", "value", "shown"),
    [
        pytest.param("name", "a b", "'a b'", id="name"),
        pytest.param("make_flags", ["-j2"], "'-j2'", id="flag"),
        pytest.param("make_flags", "A=b", "'A=b'", id="flags-text"),
        pytest.param("requires", "NET", "'NET'", id="requires-text"),
        pytest.param("requires", ["config_net"], "'config_net'", id="option"),
        pytest.param("name", None, "required", id="no-name"),
        pytest.param("directory", [], "empty", id="no-directory"),
        pytest.param("directory", ["a", "/b"], "'/b'", id="directories"),
        pytest.param("directory", "$(pwd)", "'$(pwd)'", id="directory"),
        pytest.param("directory", "a/../../b", "'a/../../b'", id="parent"),
        pytest.param("version", 1.10, "1.1 ", id="version-number"),
        pytest.param("patches", "fix.patch", "'fix.patch'", id="patches-text"),
        pytest.param("patches", ["fix.patch"], "'fix.patch'", id="patch-name"),
        pytest.param("depends", "one", "'one'", id="depends-text"),
        pytest.param("depends", ["one"], "'one'", id="depends-name"),
        pytest.param("source", "it.tar", "'it.tar'", id="source-name"),
        pytest.param("kernel", 5, "5", id="kernel"),
        pytest.param("directory", "/etc", "'/etc'", id="absolute"),
    ],
)
def test_invalid_arguments(argument: str, value: object, shown: str) -> None:
    """The error for an invalid argument has its name and shows its value."""
    arguments: dict[str, Any] = {"kernel": kernel(), "source": SOURCE, "name": "it", argument: value}
    with pytest.raises(InvalidArgument) as caught:
        make_linux_module(**arguments)
    assert (caught.value.argument, shown in caught.value.reason) == (argument, True)


def test_the_union() -> None:
    """A kernel's modules and others are joined in one derivation; names refer to its packages."""
    linux = kernel()
    hello = make_linux_module(linux, SOURCE, name="hello")
    joined = linux.with_modules([hello, "vpoll"])

    assert {linux.modules, linux.out, hello.out, linux.packages["vpoll"].out} <= set(joined.inputs)
    assert joined == with_modules(linux, [hello, linux.packages.vpoll])
    with pytest.raises(InvalidArgument, match="is listed twice"):
        linux.with_modules([hello, hello])
    with pytest.raises(InvalidArgument, match="is not a module"):
        with_modules(linux, [3])  # type: ignore[list-item]  # what the user may write
    for modules in ("vpoll", None, 3):
        with pytest.raises(InvalidArgument, match=f"it must be a list of modules or their names, not {modules!r}"):
            linux.with_modules(modules)  # type: ignore[arg-type]  # as above


# Packages


def test_the_packages() -> None:
    """Each is listed without reading the lock, and evaluates to a module from Debian's package."""
    with using(no_context()):
        names = list(kernel(context=None).packages)
    assert names == sorted(DKMS) == ["acpi_call", "bbswitch", "lime", "v4l2loopback", "vpoll"]
    linux = kernel()
    for name, module in linux.packages.items():
        assert module.mounts["/kernel"] == linux.dev
        assert module.name == f"{name}-1.0-1-6.12.1"


def test_what_depends_on_the_version() -> None:
    """Adaptations to later kernels are applied only for these."""
    old, new = kernel("6.1.55").packages, kernel("6.12.1").packages

    assert "KCFLAGS=-Dstrlcpy=strscpy" in new["v4l2loopback"].args
    assert "KCFLAGS=-Dstrlcpy=strscpy" not in old["v4l2loopback"].args
    assert new["vpoll"].mounts["/src"].derivation.name.endswith("-patched")
    assert not old["vpoll"].mounts["/src"].derivation.name.endswith("-patched")


def test_an_overlay() -> None:
    """An overlay adds and replaces modules; others see the result through `final`."""

    def first(final: Any, prev: Any) -> dict[str, Any]:  # noqa: ANN401 -- sets of packages
        del prev
        return {"pair": lambda: (final["vpoll"], final["mine"]), "mine": lambda: 1}

    def second(final: Any, prev: Any) -> dict[str, Any]:  # noqa: ANN401 -- sets of packages
        return {"mine": lambda: prev["mine"] + 1, "vpoll": lambda: (final.kernel.arguments.version, prev.vpoll.outputs)}

    found = kernel().packages.extend(first).extend(second)
    assert found["pair"] == (("6.12.1", ("out", "dev")), 2)
    assert found.mine == 2
    assert set(found) == {*DKMS, "pair", "mine"}


def test_unknown() -> None:
    """An unknown item or attribute is an error with a suggestion."""
    found = kernel().packages
    with pytest.raises(UnknownModule, match="unknown module `vpol`") as caught:
        found["vpol"]
    assert "vpoll" in str(caught.value.hint)
    assert not hasattr(found, "nothing")


def test_a_cycle() -> None:
    """A module that depends on itself is an error rather than an endless loop."""
    found = kernel().packages.extend(lambda final, _: {"a": lambda: final["b"], "b": lambda: final["a"]})
    with pytest.raises(CycleError) as caught:
        found["a"]
    assert caught.value.chain == ("a", "b", "a")
