"""The bundled fragments: well-formed, with sources, without conflicts, binding where they were tested."""

from __future__ import annotations

import importlib
import itertools
import re

from pathlib import Path

import pytest

from derivations.kconfig import fragments
from derivations.kconfig.fragments.tried import TRIED, only_on, tried
from derivations.kconfig.language.condition import Condition
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.merge import merge
from derivations.kconfig.language.values import MODULE, NO, YES, Priority, when_at_least, when_older
from derivations.version import Version


NAMES = fragments.__all__
ARCHITECTURES = ("arm64", "x86_64")
VERSIONS = ("4.19.300", "5.10.247", "6.1.159", "6.6.119", "6.12.64", "6.18.5", "6.19-rc4")
BOUND = ("6.1.159", "6.6.119", "6.12.64")
GROUPS = Path(fragments.__file__).with_name("groups")

_GROUP = re.compile(r"^[A-Z_]+: dict\[str, Asked\] = \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_CITED = re.compile(r"Kconfig|Documentation/|README|kernel/configs|/Kconfig\b")


def bundled(name: str) -> Fragment:
    """Return the bundled fragment *name*."""
    found = getattr(fragments, name)
    assert isinstance(found, Fragment)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_name(name: str) -> None:
    """A fragment has the name by which it is imported and a description, and is the same object each time."""
    fragment = bundled(name)

    assert (fragment.name, bool(fragment.description)) == (name, True)
    assert fragment.options
    assert getattr(fragments, name) is fragment


def test_unknown_name() -> None:
    """There are no other fragments."""
    with pytest.raises(AttributeError, match="no_such"):
        _ = fragments.no_such


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_requests(name: str, version: str, arch: str) -> None:
    """Every request is a default with its place, and binds exactly for the versions on which it was tested."""
    for option, request in bundled(name).requests(Version.parse(version), arch):
        assert re.fullmatch(r"[A-Z0-9][A-Za-z0-9_]*", option), option
        assert request.priority is Priority.DEFAULT, option
        assert request.origin.place.partition(":")[0].endswith(".py"), option
        assert version in BOUND or request.optional, option


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", BOUND)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_most_is_binding(name: str, version: str, arch: str) -> None:
    """Where a fragment was tested, its requests must hold, except what compilers and machines may lack."""
    asked = merge([bundled(name)], version=Version.parse(version), arch=arch).requests

    loose = [option for option, it in asked.items() if it.optional]
    assert len(loose) <= (len(asked) / 3 if name == "hardening" else 3), loose


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_together(version: str, arch: str) -> None:
    """All fragments of ordinary machines can be requested together, and every pair."""
    names = [it for it in NAMES if it != "vm_guest"]  # it has no modules
    together = merge(map(bundled, names), version=Version.parse(version), arch=arch)

    assert together.shadowed == ()
    for one, other in itertools.combinations(names, 2):
        pair = merge([bundled(one), bundled(other)], version=Version.parse(version), arch=arch)
        assert pair.requests.keys() <= together.requests.keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_user_s_request_wins(name: str) -> None:
    """A plain request of the user silently overrides any request of a fragment."""
    version = Version.parse("6.12.64")
    option, request = next(iter(bundled(name).requests(version, "x86_64")))
    other = NO if request.value is not NO else YES
    user = Fragment("mine", {option: other})

    found = merge([bundled(name), user], version=version, arch="x86_64")
    assert (found.requests[option].value, [it.name for it in found.shadowed]) == (other, [option])


def test_common_has_the_others() -> None:
    """The common configuration includes every other fragment, except those that change the purpose of a kernel."""
    version = Version.parse("6.12.64")
    for arch in ARCHITECTURES:
        common = merge([bundled("common")], version=version, arch=arch).requests
        for name in set(NAMES) - {"common", "debugging", "hardening", "vm_guest"}:
            part = merge([bundled(name)], version=version, arch=arch).requests
            assert {option: it.value for option, it in part.items() if common.get(option) != it} == {}, name


@pytest.mark.parametrize(
    ("option", "value"),
    [
        pytest.param("BLK_DEV_NVME", YES, id="nvme"),
        pytest.param("SATA_AHCI", YES, id="ahci"),
        pytest.param("USB_STORAGE", YES, id="usb-storage"),
        pytest.param("USB_XHCI_HCD", YES, id="xhci"),
        pytest.param("EXT4_FS", YES, id="ext4"),
        pytest.param("BTRFS_FS", MODULE, id="btrfs"),
        pytest.param("XFS_FS", MODULE, id="xfs"),
        pytest.param("VFAT_FS", YES, id="vfat"),
        pytest.param("DM_CRYPT", MODULE, id="dm-crypt"),
        pytest.param("DRM_AMDGPU", MODULE, id="amdgpu"),
        pytest.param("DRM_SIMPLEDRM", YES, id="simpledrm"),
        pytest.param("IWLWIFI", MODULE, id="iwlwifi"),
        pytest.param("BT_HCIBTUSB", MODULE, id="bluetooth"),
        pytest.param("LRU_GEN_ENABLED", YES, id="mglru"),
        pytest.param("TRANSPARENT_HUGEPAGE", YES, id="thp"),
        pytest.param("ZRAM", MODULE, id="zram"),
        pytest.param("EFI_STUB", YES, id="efi-stub"),
        pytest.param("TCG_TPM", YES, id="tpm"),
        pytest.param("MEMCG", YES, id="cgroups"),
        pytest.param("USER_NS", YES, id="user-namespaces"),
        pytest.param("NF_TABLES", MODULE, id="nftables"),
        pytest.param("CGROUP_BPF", YES, id="systemd-devices"),
    ],
)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_an_ordinary_machine(option: str, value: object, arch: str) -> None:
    """The common configuration has what a laptop, a server and a virtual machine need, on both architectures."""
    asked = merge([bundled("common")], version=Version.parse("6.12.64"), arch=arch).requests

    assert (asked[option].value, asked[option].optional) == (value, False)


def test_debugging_requests_what_has_a_prompt() -> None:
    """DEBUG_INFO and FRAME_POINTER of the manual are requested through their selectors where they have no prompt."""
    asked = {
        (version, arch): merge([bundled("debugging")], version=Version.parse(version), arch=arch).requests
        for version, arch in itertools.product(("5.10.247", "6.12.64"), ARCHITECTURES)
    }

    assert [key for key, it in asked.items() if "DEBUG_INFO" in it] == [("5.10.247", "arm64"), ("5.10.247", "x86_64")]
    assert [key for key, it in asked.items() if "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT" in it] == [
        ("6.12.64", "arm64"),
        ("6.12.64", "x86_64"),
    ]
    assert {arch for (_, arch), it in asked.items() if "UNWINDER_FRAME_POINTER" in it} == {"x86_64"}
    assert not [key for key, it in asked.items() if "FRAME_POINTER" in it]


MODULES = sorted(path.stem for path in GROUPS.glob("*.py") if path.stem not in {"__init__", "common"})


@pytest.mark.parametrize("module", MODULES)
def test_groups_are_cited(module: str) -> None:
    """Every group of options begins with a comment that names its source."""
    groups = _GROUP.findall((GROUPS / f"{module}.py").read_text(encoding="utf-8"))

    assert groups
    for body in groups:
        first = body.lstrip()
        if first.startswith("**"):  # put together from groups
            continue
        comment = "".join(itertools.takewhile(lambda it: it.lstrip().startswith("#"), body.splitlines(keepends=True)))
        assert _CITED.search(comment), f"{module}: {first[:80]}"


@pytest.mark.parametrize("module", MODULES)
def test_options_are_listed_once(module: str) -> None:
    """No option is in two groups of one module, where the later one would win, perhaps on one architecture only."""
    found = importlib.import_module(f"derivations.kconfig.fragments.groups.{module}")
    groups = [it for name, it in vars(found).items() if name.isupper() and name != "OPTIONS" and isinstance(it, dict)]

    twice = [option for one, other in itertools.combinations(groups, 2) for option in one.keys() & other.keys()]
    assert twice == []


def test_tried() -> None:
    """A request binds for the tested part of its versions and architectures, and is optional for the rest."""
    whole = tried(Fragment("x", {"A": YES, "B": when_older("5.10", YES), "C": when_at_least("6.12", NO)}))

    def asked(version: str, arch: str) -> dict[str, bool]:
        return {option: it.optional for option, it in whole.requests(Version.parse(version), arch)}

    assert TRIED == Condition.between("6.1", "6.13") & Condition.on(["arm64", "x86_64"])
    assert asked("5.4", "x86_64") == {"A": True, "B": True}
    assert asked("6.1", "x86_64") == {"A": False}
    assert asked("6.12.1", "arm64") == {"A": False, "C": False}
    assert asked("6.12.1", "riscv") == {"A": True, "C": True}
    assert asked("6.13-rc1", "arm64") == {"A": True, "C": True}


def test_only_on() -> None:
    """Options of one architecture are requested on no other."""
    fragment = Fragment("x", only_on("arm64", {"A": [when_older("6.1", YES), when_at_least("6.1", MODULE)]}))

    assert list(fragment.requests(Version.parse("6.12"), "x86_64")) == []
    assert [it.value for _, it in fragment.requests(Version.parse("6.12"), "arm64")] == [MODULE]
