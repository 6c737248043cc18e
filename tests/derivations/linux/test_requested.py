"""All requests for a kernel, with two priorities."""

from __future__ import annotations

import subprocess
import sys

from typing import Any

import pytest

from derivations.fetch import fetch_url
from derivations.kconfig.fragments import common
from derivations.kconfig.language.merge import Contradiction
from derivations.kconfig.language.values import MODULE, NO, UNSET, YES, when_arch, when_at_least
from derivations.linux.arguments import Arguments
from derivations.linux.patch import Patch
from derivations.linux.requested import REPRODUCIBLE, merged_requests
from derivations.version import Version


SOURCE = fetch_url("https://cdn.kernel.org/linux-6.12.tar.xz", sha256="0" * 64)
PATCH = Patch("fix", extra_config={"FROM_PATCH": YES, "LOCALVERSION_AUTO": YES})


def values(arch: str = "x86_64", **changes: Any) -> dict[str, object]:  # noqa: ANN401 -- what a test gives
    """Return the requests for a kernel with *changes*."""
    merged = merged_requests(Arguments(**{"version": "6.12", "source": SOURCE, **changes}), arch)
    return {name: it.value for name, it in merged.requests.items()}


def test_requests_of_every_kernel() -> None:
    """By default, a kernel requests what makes it reproducible, as optional requests."""
    assert values() == {"LOCALVERSION_AUTO": NO, "MODULE_SIG_ALL": NO, "MODULE_SIG_KEY": ""}
    assert all(it.optional for _, it in REPRODUCIBLE.requests(Version(6, 12), "arm64"))


def test_priorities() -> None:
    """Users and patches override and withdraw the requests of every kernel."""
    assert values(patches=[PATCH], extra_config={"MODULE_SIG_KEY": UNSET, "MINE": YES}) == {
        "FROM_PATCH": YES,
        "LOCALVERSION_AUTO": YES,
        "MINE": YES,
        "MODULE_SIG_ALL": NO,
    }


def test_conditions_are_those_of_the_kernel() -> None:
    """Requests depend on the kernel's version and architecture."""
    options = {"A": when_arch("arm64", YES), "B": when_at_least("6.13", YES)}

    assert "A" not in values(extra_config=options)
    assert values("arm64", extra_config=options)["A"] is YES
    assert values(version="6.13-rc1", extra_config=options)["B"] is YES


def test_contradictions_of_siblings() -> None:
    """Two patches, a patch and the user, and two fragments of the user have the same priority."""
    arguments: list[dict[str, Any]] = [
        {"patches": [PATCH, Patch("other", extra_config={"FROM_PATCH": NO})]},
        {"patches": [PATCH], "extra_config": {"FROM_PATCH": MODULE}},
        {"extra_config": [{"FROM_PATCH": NO}, {"FROM_PATCH": YES}]},
    ]

    for given in arguments:
        with pytest.raises(Contradiction, match="FROM_PATCH"):
            values(**given)


def test_the_common_configuration() -> None:
    """The common configuration is requested only if it is enabled, below everything else."""
    names = {name for name, _ in common.requests(Version(6, 12), "x86_64")}
    enabled = values(enable_common_config=True, extra_config={"EXT4_FS": NO})

    assert {"EXT4_FS", "BTRFS_FS"} <= names <= enabled.keys()
    assert enabled["EXT4_FS"] is NO
    assert not names & values().keys() - REPRODUCIBLE.options.keys()


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize("version", ["4.19.300", "5.10.247", "6.1.159", "6.12.64", "6.19-rc4"])
def test_the_common_configuration_does_not_contradict_itself(version: str, arch: str) -> None:
    """The common configuration works for every version and architecture, with the requests of every kernel."""
    assert len(values(arch, version=version, enable_common_config=True)) > 100


def test_small_kernels_do_not_load_the_common_configuration() -> None:
    """A kernel without the common configuration does not load it."""
    program = (
        "import sys; from kernels import kernel_set; from tests.fakes import fake_lock; "
        "kernel_set(lock=fake_lock()).linux_micro.derivation; "
        "print('derivations.kconfig.fragments.groups.common' in sys.modules, 'derivations.hardware.snapshot' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=True)

    assert result.stdout == "False False\n"
