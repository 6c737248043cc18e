"""Kernels: made by a function, and overridden in any order."""

from __future__ import annotations

import contextvars
import itertools

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import NoContext, using
from derivations.derivation import InvalidDerivation
from derivations.fetch import fetch_url
from derivations.hardware.snapshot import Fact, FactKind, InvalidSnapshot, Snapshot
from derivations.kconfig.language.fragment import Fragment, Request
from derivations.kconfig.language.header import ForeignConfig, IncompleteConfig
from derivations.kconfig.language.merge import Contradiction
from derivations.kconfig.language.values import MODULE, NO, UNSET, YES, force, optional, when_arch
from derivations.linux.arguments import InvalidArgument, UnknownArgument
from derivations.linux.kernel import Kernel, UnknownDerivationAttribute, UnsupportedSystem, make_linux
from derivations.linux.patch import Patch
from derivations.linux.requested import REPRODUCIBLE
from derivations.source import NoSource, local_file
from derivations.version import InvalidVersion
from overlays.load import load_file
from tests.fakes import fake_context, no_context


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from derivations.derivation import Derivation


SOURCE = fetch_url("https://cdn.kernel.org/linux-6.12.tar.xz", sha256="0" * 64)
FIRST, SECOND = (Patch(name, text="--- a/x\n+++ b/x\n") for name in ("first", "second"))


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    """Evaluate with a made-up lock."""
    with using(fake_context()):
        yield


def make(**changes: Any) -> Kernel:  # noqa: ANN401 -- what a test gives
    """Return a kernel with *changes*."""
    return make_linux(**{"version": "6.12", "source": SOURCE, **changes})


def values(kernel: Kernel) -> dict[str, object]:
    """Return the requested values by name, without those that every kernel requests."""
    return {name: it.value for name, it in kernel.requests.items() if name not in REPRODUCIBLE.options}


def test_equal_kernels() -> None:
    """Equal arguments make equal kernels, with equal hashes."""
    assert make() == make()
    assert len({make(), make(), make(extra_version="-x")}) == 2


def test_what_a_kernel_has() -> None:
    """A kernel has a name, a version, a release, outputs, and the derivations below it."""
    kernel = make(extra_version="-mine")

    assert (kernel.name, kernel.version, kernel.release) == ("linux-6.12-mine", "6.12", "6.12.0-mine")
    assert [it.name for it in (kernel.out, kernel.modules, kernel.debug)] == ["out", "modules", "debug"]
    assert kernel.derivation.output("build") in kernel.dev.derivation.inputs
    assert kernel.derivation.mounts["/config"] == kernel.configuration
    assert kernel.derivation.mounts["/src"] == kernel.tree
    assert kernel.source == SOURCE.out
    assert repr(kernel) == "<Kernel linux-6.12-mine>"


def test_the_boot_test() -> None:
    """The boot test gets the kernel's image and the expected release."""
    test = make().tests.boot

    assert test.mounts["/kernel"] == make().out
    assert "6.12.0" in test.args


def test_descriptions() -> None:
    """A description names the patches."""
    assert make().description == "Linux 6.12"
    assert make(description="mine", patches=[FIRST, SECOND]).description == "mine (with first, second)"


def test_everything_is_computed_on_demand() -> None:
    """Without a lock, a kernel can be made and overridden, and has a version, a name, a source and a description."""
    with using(no_context()):
        kernel = make().override(extra_config={"A": YES}, patches=[FIRST]).override_attrs(lambda it: {"name": it.name})

        assert (kernel.version, kernel.name, kernel.source) == ("6.12", "linux-6.12", SOURCE.out)
        assert kernel.description
        with pytest.raises(AssertionError, match="the lock was asked for"):
            _ = kernel.derivation


def test_a_context_of_its_own() -> None:
    """A kernel with its own context uses it instead of the one in use."""
    with using(no_context()):
        assert make(context=fake_context("aarch64-linux"), systems=["aarch64-linux"]).toolchain.arch == "arm64"


def test_toolchain_by_name() -> None:
    """The name of a toolchain refers to the lock and the system in use, and can be overridden."""
    with using(fake_context()):
        kernel = make(toolchain="clang")
        assert "LLVM=1" in kernel.toolchain.make_flags
        assert "LLVM=1" in kernel.derivation.args
        assert kernel.override(toolchain="gcc") == make()


def test_unsupported_system() -> None:
    """The error of a kernel that does not support the system names those that it supports."""
    with using(fake_context("aarch64-linux")), pytest.raises(UnsupportedSystem) as caught:
        _ = make().derivation

    error = caught.value
    assert (error.kernel, error.system, error.systems) == ("linux-6.12", "aarch64-linux", ("x86_64-linux",))


# override


def test_override_replaces() -> None:
    """An argument is replaced, and the original kernel is unchanged."""
    kernel = make()

    assert kernel.override(version="6.13").version == "6.13"
    assert kernel.override(version="6.13").override(version="6.12") == kernel
    assert kernel.version == "6.12"


def test_override_with_nothing_is_the_same() -> None:
    """Overriding nothing gives an equal kernel."""
    assert make().override() == make()


@pytest.mark.parametrize(
    ("argument", "old", "expected"),
    [
        pytest.param("version", "6.12", "6.12-new", id="text"),
        pytest.param("patches", (FIRST,), (FIRST, SECOND), id="patches"),
        pytest.param("make_flags", ("V=1",), ("V=1", "W=1"), id="list"),
        pytest.param("mod_dir_version", None, "6.12.1", id="default"),
    ],
)
def test_functions_receive_the_old_value(argument: str, old: object, expected: object) -> None:
    """A function is called with the old value, and its result is validated like any other value."""
    seen = []

    def change(value: object) -> object:
        seen.append(value)
        return expected

    changes: dict[str, Any] = {argument: change}
    kernel = make(**({} if old is None else {argument: old})).override(**changes)

    assert seen == [old]
    assert getattr(kernel.arguments, argument) == expected


def test_functions_are_called_in_order() -> None:
    """Each function receives the result of the previous one."""
    kernel = make().override(extra_version=lambda old: f"{old}-a").override(extra_version=lambda old: f"{old}-b")

    assert kernel.arguments.extra_version == "-a-b"


def test_extra_config_overrides() -> None:
    """Options override the old ones, regardless of their priority; UNSET withdraws requests of every kernel."""
    kernel = make(extra_config={"A": force(YES), "B": YES, "C": MODULE})
    changed = kernel.override(extra_config={"A": NO, "B": UNSET, "E": optional(YES)})

    assert values(changed) == {"A": NO, "C": MODULE, "E": YES}
    assert values(kernel) == {"A": YES, "B": YES, "C": MODULE}
    assert "LOCALVERSION_AUTO" not in kernel.override(extra_config={"LOCALVERSION_AUTO": UNSET}).requests


def test_extra_config_for_other_kernels() -> None:
    """If the condition of an override does not hold for a kernel, the old request remains."""
    kernel = make(extra_config={"A": YES}).override(extra_config={"A": when_arch("arm64", NO)})

    assert values(kernel) == {"A": YES}


def test_patches_are_siblings() -> None:
    """A user can contradict a patch's request only with force."""
    kernel = make(patches=[Patch("p", extra_config={"A": YES, "B": YES})], extra_config={"A": YES, "B": NO})
    with pytest.raises(Contradiction) as caught:
        _ = kernel.requests

    assert [it.option for it in caught.value.conflicts] == ["B"]
    assert [it.origin.fragment for it in caught.value.conflicts[0].requests] == ["extra_config", "patch p"]
    assert values(kernel.override(extra_config={"B": force(NO)})) == {"A": YES, "B": NO}
    assert values(kernel.override(extra_config={"B": force(UNSET)})) == {"A": YES}


def test_a_contradiction_leaves_the_rest_readable() -> None:
    """A kernel whose options contradict each other still has a name, a version and arguments to override."""
    kernel = make(extra_config=[{"A": YES}, {"A": NO}])

    assert (kernel.version, kernel.name, kernel.source) == ("6.12", "linux-6.12", SOURCE.out)
    assert values(kernel.override(extra_config={"A": MODULE})) == {"A": MODULE}


def test_extra_config_as_text() -> None:
    """A string is applied like a mapping."""
    assert values(make(extra_config={"A": YES, "B": YES}).override(extra_config="CONFIG_A=m\n")) == {
        "A": MODULE,
        "B": YES,
    }


def test_a_function_replaces_extra_config() -> None:
    """The result of a function replaces all old fragments."""
    kernel = make(extra_config={"A": YES, "B": YES})

    assert values(kernel.override(extra_config=lambda _: {"C": YES})) == {"C": YES}
    assert values(kernel.override(extra_config=lambda old: [it.without("A") for it in old])) == {"B": YES}
    assert values(kernel.override(extra_config=lambda old: [*old, {"C": NO}])) == {"A": YES, "B": YES, "C": NO}
    with pytest.raises(Contradiction):
        _ = kernel.override(extra_config=lambda old: [*old, {"A": NO}]).requests


def test_unset_options_can_be_requested_again() -> None:
    """A request that was withdrawn can be made again by a later override."""
    kernel = make(extra_config={"A": YES}).override(extra_config={"A": UNSET}).override(extra_config={"A": MODULE})

    assert values(kernel) == {"A": MODULE}


def test_where_options_come_from() -> None:
    """Each request has the fragment and the line it comes from, regardless of which function made the kernel."""
    line = test_where_options_come_from.__code__.co_firstlineno
    kernel = make_linux(version="6.12", source=SOURCE, extra_config={"A": YES}).override(
        extra_config=[Fragment("named", {"B": YES}), {"C": YES}],
        patches=lambda old: [*old, Patch("p", extra_config={"D": YES})],
    )

    assert {name: str(it.origin) for name, it in kernel.requests.items() if name in "ABCD"} == {
        "A": f"extra_config, test_kernel.py:{line + 3}",
        "B": f"named, test_kernel.py:{line + 4}",
        "C": f"extra_config, test_kernel.py:{line + 4}",
        "D": f"patch p, test_kernel.py:{line + 5}",
    }


def test_origins_are_not_part_of_keys(tmp_path: Path) -> None:
    """The same definition in another line or file gives the same kernel."""
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(
            "\n" * len(name) * (name == "b.py")
            + "from derivations import YES, fetch_url, make_linux\n"
            + "source = fetch_url('https://cdn.kernel.org/linux-6.12.tar.xz', sha256='0' * 64)\n"
            + "it = make_linux(version='6.12', source=source, extra_config={'A': YES})\n"
        )
    one, other = (load_file(tmp_path / name)["it"] for name in ("a.py", "b.py"))

    assert (str(one.requests["A"].origin), str(other.requests["A"].origin)) == (
        "extra_config, a.py:3",
        "extra_config, b.py:7",
    )
    assert one.derivation.key == other.derivation.key


CHANGES: dict[str, Callable[[Kernel], Kernel]] = {
    "options": lambda kernel: kernel.override(extra_config={"A": YES}),
    "patches": lambda kernel: kernel.override(patches=lambda old: [*old, FIRST]),
    "extra version": lambda kernel: kernel.override(extra_version="-x"),
    "attributes": lambda kernel: kernel.override_attrs(lambda it: {"env": {**it.env, "EXTRA": "1"}}),
    "name": lambda kernel: kernel.override_attrs(lambda it: {"name": f"{it.name}-y"}),
}


@pytest.mark.parametrize("order", [pytest.param(it, id="-".join(it)) for it in itertools.permutations(CHANGES)][::7])
def test_changes_compose_in_any_order(order: tuple[str, ...]) -> None:
    """Independent changes of arguments and attributes give the same kernel in any order."""
    kernel, expected = make(), make()
    for name in order:
        kernel = CHANGES[name](kernel)
    for change in CHANGES.values():
        expected = change(expected)

    assert kernel == expected
    assert kernel.derivation.name == "linux-6.12-x-y"
    assert kernel.derivation.env["EXTRA"] == "1"


def test_attributes_see_what_was_overridden_later() -> None:
    """A change of attributes applies to the derivation with the final arguments."""
    kernel = make().override_attrs(lambda it: {"env": {**it.env, "NAME": it.name}})

    assert kernel.override(extra_version="-late").derivation.env["NAME"] == "linux-6.12-late"


def test_attributes_are_changed_first_to_last() -> None:
    """A later change of attributes sees what an earlier one did."""
    kernel = make().override_attrs(lambda _: {"name": "a"}).override_attrs(lambda it: {"name": f"{it.name}b"})

    assert kernel.derivation.name == "ab"


def test_attributes_affect_the_boot_test() -> None:
    """Dependents of a kernel depend on its overridden form."""
    kernel = make().override_attrs(lambda it: {"env": {**it.env, "EXTRA": "1"}})

    assert kernel.tests.boot.mounts["/kernel"] == kernel.out != make().out


@pytest.mark.parametrize(
    ("call", "error", "sentence", "hint"),
    [
        pytest.param(
            lambda: make_linux(version="6.12", source=SOURCE, patchs=[]),  # type: ignore[call-arg]  # not everyone checks types
            UnknownArgument, "make_linux has no argument `patchs`", "did you mean `patches`?", id="unknown-argument",
        ),
        pytest.param(
            lambda: make().override(extraConfig={}),  # type: ignore[call-arg]  # as above
            UnknownArgument, "override has no argument `extraConfig`", "did you mean `extra_config`?", id="unknown-override",
        ),
        pytest.param(
            lambda: make_linux(source=SOURCE),  # type: ignore[call-arg]  # as above
            InvalidArgument, "version: make_linux requires it", None, id="no-version",
        ),
        pytest.param(
            lambda: make_linux(version="6.12"),  # type: ignore[call-arg]  # as above
            InvalidArgument, "source: make_linux requires it", None, id="no-source",
        ),
        pytest.param(
            lambda: make().override(version=lambda _: "x"), InvalidVersion, "not a kernel version: 'x'",
            "versions look like 6.12, 6.12.64, 6.6.87.2, 6.19-rc4, 6.1.55-custom, or 6.10.6+bpo", id="function-returns-nonsense",
        ),
        pytest.param(
            lambda: make().override(patches=lambda old: (*old, 1)),  # type: ignore[arg-type]  # as above
            InvalidArgument, "patches: 1 is not a patch; write Patch(name, file)", None, id="function-returns-no-patch",
        ),
        pytest.param(
            lambda: make(base="no-such.config"), NoSource,
            f"cannot read {Path(__file__).parent / 'no-such.config'}: there is no such file",
            "a relative path is relative to the directory of the Python file that names it", id="no-such-base",
        ),
        pytest.param(
            lambda: make().override_attrs({"name": "x"}),  # type: ignore[arg-type]
            InvalidArgument, "override_attrs: it must be a function of the derivation, not {'name': 'x'}", None, id="mapping",
        ),
    ],
)  # fmt: skip
def test_bad_calls(call: Callable[[], object], error: type[Exception], sentence: str, hint: str | None) -> None:
    """An invalid call is rejected immediately, with the name and the value."""
    with pytest.raises(error) as caught:
        call()

    assert (str(caught.value), getattr(caught.value, "hint", None)) == (sentence, hint)


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        pytest.param(
            lambda _: {"environment": {}}, UnknownDerivationAttribute,
            "a derivation has no attribute `environment` that can be overridden", id="unknown",
        ),
        pytest.param(
            lambda _: {"key": b""}, UnknownDerivationAttribute,
            "a derivation has no attribute `key` that can be overridden", id="computed",
        ),
        pytest.param(
            lambda _: None, InvalidArgument, "override_attrs: its function must return attributes by name, not None", id="none",
        ),
        pytest.param(
            lambda _: {1: 2}, InvalidArgument, "override_attrs: its function must return attributes by name, not {1: 2}", id="1",
        ),
        pytest.param(
            lambda: {"name": "x"}, InvalidArgument, "override_attrs: its function must take the derivation", id="no-parameter",
        ),
        pytest.param(
            lambda _: {"env": {"A": 1}}, InvalidDerivation, "invalid derivation 'linux-6.12': not a valid string: 1", id="value",
        ),
        pytest.param(
            lambda it: {"mounts": {**it.mounts, "/x": it}}, InvalidDerivation,
            "invalid derivation 'linux-6.12': /x is mounted from a Derivation", id="mount",
        ),
    ],
)  # fmt: skip
def test_bad_attributes(change: Callable[[Derivation], Any], error: type[Exception], sentence: str) -> None:
    """An invalid change of attributes is rejected when the derivation is used."""
    kernel = make().override_attrs(change)
    with pytest.raises(error) as caught:
        _ = kernel.derivation

    assert str(caught.value).startswith(sentence)


def test_an_error_inside_the_function_is_its_author_s() -> None:
    """A TypeError that a function raises itself is not mistaken for an invalid call."""
    kernel = make().override_attrs(lambda it: {"name": it.name + 1})  # type: ignore[operator]

    with pytest.raises(TypeError, match="can only concatenate str"):
        _ = kernel.derivation


# Users' files


def test_names_of_files_are_beside_the_user_s_file(tmp_path: Path) -> None:
    """Names of patches and bases are relative to the file that contains them, also inside a function given to `override`."""
    (tmp_path / "fix.patch").write_text("--- a/x\n+++ b/x\n")
    (tmp_path / "base.config").write_text("CONFIG_A=y\n")
    (tmp_path / "mine.py").write_text(
        "from derivations import Patch, fetch_url, make_linux\n"
        "source = fetch_url('https://cdn.kernel.org/linux-6.12.tar.xz', sha256='0' * 64)\n"
        "plain = make_linux(version='6.12', source=source, base='base.config', patches=[Patch('fix', 'fix.patch')])\n"
        "over = make_linux(version='6.12', source=source).override(\n"
        "    base='base.config', patches=lambda old: [*old, Patch('fix', 'fix.patch')])\n"
    )
    found = load_file(tmp_path / "mine.py")

    assert found["plain"] == found["over"]
    assert found["plain"].arguments.base == local_file(tmp_path / "base.config").out
    assert found["plain"].arguments.patches == (Patch("fix", tmp_path / "fix.patch"),)


def test_without_a_context() -> None:
    """Without a context, a kernel that needs the lock reports that there is none."""

    def outside() -> None:
        with pytest.raises(NoContext):
            _ = make().derivation

    contextvars.Context().run(outside)


def test_requests_can_be_reused() -> None:
    """Requests, optional or not, can be read and made again."""
    kernel = make(extra_config={"A": optional(YES)})

    assert kernel.requests["A"] == Request(YES, optional=True)
    assert make(extra_config=kernel.arguments.extra_config) == make(extra_config=kernel.requests) == kernel


def write(file: Path, arch: str, version: str = "6.12.1", last: str = "# end of Kernel hacking\n") -> Path:
    """Write a `.config` to *file* and return it."""
    file.write_text(
        "#\n# Automatically generated file; DO NOT EDIT.\n"
        f"# Linux/{arch} {version} Kernel Configuration\n#\nCONFIG_A=y\n# end of A\n{last}"
    )
    return file


def test_a_base_file_is_for_this_architecture_and_complete(tmp_path: Path) -> None:
    """A configuration file for another architecture, or one that is cut off, is rejected; one for another version is not."""
    make(base=write(tmp_path / "x", "x86", "5.10.3"))
    with pytest.raises(ForeignConfig):
        make(base=write(tmp_path / "x", "arm64"))
    with pytest.raises(ForeignConfig):
        make().override(base=write(tmp_path / "x", "arm64"))
    with pytest.raises(IncompleteConfig):
        make(base=write(tmp_path / "x", "x86", last="CONFIG_B"))
    make().override(base=write(tmp_path / "x", "arm64"), systems=["aarch64-linux"])


def test_hardware_from_a_file(tmp_path: Path) -> None:
    """A snapshot may be given as the name of its file."""
    machine = Snapshot.of([Fact(FactKind.MODULE, "ext4")], "laptop")
    (tmp_path / "laptop.json").write_bytes(machine.to_json())
    (tmp_path / "other.json").write_text("{}")

    assert make(hardware=tmp_path / "laptop.json").arguments.hardware == machine
    with pytest.raises(InvalidSnapshot):
        make(hardware=tmp_path / "other.json")
