"""The Debian package of a kernel, as a derivation: its name and version."""

from __future__ import annotations

import pytest

from derivations.derivation import Derivation, InvalidDerivation
from derivations.image.deb import make_deb, package_name, package_version
from derivations.source import text_file


def package(release: str = "6.1.2", system: str = "x86_64-linux") -> Derivation:
    """Return a package."""
    kernel, modules = text_file("kernel", "").out, text_file("modules", "").out
    return make_deb(
        title="linux-6.1.2", version="6.1.2", release=release, description="Linux\n 6.1.2", system=system,
        kernel=kernel, modules=modules,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("release", "name"), [("6.1.2", "linux-image-6.1.2"), ("6.1.0-RC1_x+", "linux-image-6.1.0-rc1-x+")]
)
def test_names(release: str, name: str) -> None:
    """A package's name has the release, in the characters that Debian allows."""
    assert name == package_name(release)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("6.12.117", "6.12.117-1"), ("6.19-rc4", "6.19~rc4-1"), ("6.1.55-custom", "6.1.55.custom-1"), ("6.10.6+bpo", "6.10.6+bpo-1")],
)  # fmt: skip
def test_versions(version: str, expected: str) -> None:
    """A release candidate sorts before its release; hyphens are for the package's own revision."""
    assert expected == package_version(version)


def test_a_release_that_is_no_name() -> None:
    """A release that the shell would read otherwise cannot be in a package."""
    with pytest.raises(InvalidDerivation):
        package("6.1'; x")


def test_the_description_is_one_line() -> None:
    """A line break cannot add a field."""
    assert '"Description":"linux-6.1.2: Linux 6.1.2"' in package().env["control"]
    assert '"Architecture":"arm64"' in package(system="aarch64-linux").env["control"]
