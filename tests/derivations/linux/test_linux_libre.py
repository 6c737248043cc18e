"""GNU Linux-libre in Guix' form: arguments, their defaults, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import using
from derivations.fetch import InvalidSource, fetch_url
from derivations.kconfig.language.values import MODULE, NO, YES
from derivations.linux.arguments import InvalidArgument
from derivations.linux.kernel import UnsupportedSystem
from derivations.linux.linux_libre import (
    DEFAULT_EXTRA_LINUX_OPTIONS,
    OtherDeblobVersion,
    alist_delete,
    linux_libre_deblob_scripts,
    linux_libre_source,
    make_linux_libre,
    make_linux_libre_from,
)
from tests.fakes import fake_context


if TYPE_CHECKING:
    from pathlib import Path


HASH = "0199maj3mk577wwaszbi0cl5a0afx1ynad896bmmg8vm636jxcb2"  # nix-base32, as Guix has it
HEX = "62b12ecd3075a357eb320935657de84e01552803717dad383fa7cc3aa4aa2905"
SYSTEMS = ["x86_64-linux", "i686-linux", "armhf-linux", "aarch64-linux"]
PRISTINE = fetch_url("https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.14.8.tar.xz", sha256=HASH)


def test_the_tarball() -> None:
    """The source is GNU's tarball; its hash is Guix' own, and the same in hexadecimal."""
    kernel = make_linux_libre("6.14.8", HASH, ["x86_64-linux"], gnu_revision="gnu1")

    fetched = kernel.source.derivation
    assert fetched.name == "linux-libre-6.14.8-gnu1.tar.xz"
    assert "/6.14.8-gnu1/linux-libre-6.14.8-gnu1.tar.xz" in fetched.env["urls"]
    assert fetched.fixed is not None
    assert fetched.fixed.digest == HEX
    assert kernel.source == make_linux_libre("6.14.8", HEX, ["x86_64-linux"], gnu_revision="gnu1").source


@pytest.mark.parametrize(
    ("version", "extra", "name", "release", "flag"),
    [
        pytest.param("6.14.8", None, "linux-libre-6.14.8-gnu", "6.14.8-gnu", "EXTRAVERSION=", id="plain"),
        pytest.param("6.14.8", "macbook41", "linux-libre-macbook41-6.14.8-macbook41", "6.14.8-macbook41", "EXTRAVERSION=", id="extra"),
        pytest.param("6.15-rc2", None, "linux-libre-6.15-rc2-gnu", "6.15.0-rc2-gnu", "EXTRAVERSION=-rc2", id="candidate"),
    ],
)  # fmt: skip
def test_extra_version(version: str, extra: str | None, name: str, release: str, flag: str) -> None:
    """As in Guix, an extra version replaces the tree's own EXTRAVERSION, -gnu, and is part of the name."""
    with using(fake_context()):
        kernel = make_linux_libre(version, HASH, ["x86_64-linux"], extra_version=extra)
        assert (kernel.name, kernel.release, kernel.arguments.make_flags) == (name, release, (flag,))


def test_extra_options() -> None:
    """The last pair of a name counts; by default there are Guix' options, which give way."""
    with using(fake_context()):
        plain = make_linux_libre("6.14.8", HASH, ["x86_64-linux"])
        mine = [("CONFIG_NET_9P", True), ("CONFIG_SND", "m"), ("CONFIG_CMDLINE", "quiet"), ("CONFIG_SND", False)]
        other = make_linux_libre("6.14.8", HASH, ["x86_64-linux"], extra_options=mine)
        both = make_linux_libre("6.14.8", HASH, ["x86_64-linux"], extra_options=[*mine, *DEFAULT_EXTRA_LINUX_OPTIONS])

        assert (plain.requests["CIFS"].value, plain.requests["CIFS"].optional) == (MODULE, True)
        assert {it: other.requests[it].value for it in ("NET_9P", "SND", "CMDLINE")} == {
            "NET_9P": YES, "SND": NO, "CMDLINE": "quiet",
        }  # fmt: skip
        assert "CIFS" not in other.requests
        assert not other.requests["SND"].optional
        assert both.requests["NET_9P"].value is MODULE


@pytest.mark.parametrize(
    "options",
    ["CONFIG_A=y", [("CONFIG_A",)], [("bad name", True)], 7, ["ab"]],
    ids=["text", "one", "name", "number", "word"],
)
def test_invalid_options(options: Any) -> None:  # noqa: ANN401 -- what a test gives
    """What is not an association list is an error that names the argument."""
    with pytest.raises(InvalidArgument) as caught:
        make_linux_libre("6.14.8", HASH, ["x86_64-linux"], extra_options=options)

    assert caught.value.argument == "extra_options"


def test_configuration_file(tmp_path: Path) -> None:
    """It is called for each architecture with the variant; where it returns None, there is the defconfig."""
    (tmp_path / "6.14-x86_64.conf").write_text("CONFIG_NET=y\n")
    asked = []

    def kernel_config(arch: str, variant: str) -> Path | None:
        asked.append((arch, variant))
        found = tmp_path / f"{variant}-{arch}.conf"
        return found if found.exists() else None

    kernel = make_linux_libre("6.14.8", HASH, SYSTEMS, configuration_file=kernel_config, defconfig="multi_v7_defconfig")
    assert asked == [(it, "6.14") for it in ("arm", "arm64", "i386", "x86_64")]
    bases = {}
    for system in ("x86_64-linux", "aarch64-linux"):
        with using(fake_context(system=system)):
            it = kernel.override(description=system)
            bases[system] = it.base if isinstance(it.base, str) else it.base.derivation.name
    assert bases == {"x86_64-linux": "6.14-x86_64.conf", "aarch64-linux": "multi_v7_defconfig"}


def test_supported_systems() -> None:
    """Another system is an error; armhf-linux is Guix' name of armv7l-linux."""
    kernel = make_linux_libre("6.14.8", HASH, SYSTEMS)

    assert kernel.arguments.systems == ("aarch64-linux", "armv7l-linux", "i686-linux", "x86_64-linux")
    with using(fake_context(system="riscv64-linux")), pytest.raises(UnsupportedSystem):
        _ = kernel.derivation
    with pytest.raises(InvalidArgument):
        make_linux_libre("6.14.8", HASH, "x86_64-linux")  # type: ignore[arg-type]


def test_inherit() -> None:
    """An inherited kernel with a configuration of its own keeps the rest, as with the native input kconfig."""
    with using(fake_context()):
        libre = make_linux_libre("6.14.8", HASH, ["x86_64-linux"])
        mine = libre.override(base="tinyconfig")
        assert (mine.source, mine.release, mine.base) == (libre.source, libre.release, "tinyconfig")
        assert mine.requests.keys() == libre.requests.keys()


def test_alist_delete() -> None:
    """Every pair of the name is left out."""
    assert alist_delete("a", [("a", 1), ("b", 2), ("a", 3)]) == [("b", 2)]
    left = alist_delete("CONFIG_CIFS", DEFAULT_EXTRA_LINUX_OPTIONS)
    assert len(left) == len(DEFAULT_EXTRA_LINUX_OPTIONS) - 1


def test_deblobbing() -> None:
    """The tree is made of kernel.org's source by the two scripts, all of them pinned; any source may be built as it is."""
    with using(fake_context()):
        scripts = linux_libre_deblob_scripts("6.14.8", "gnu", HASH, HASH)
        tree = linux_libre_source("6.14.8", PRISTINE, scripts)
        kernel = make_linux_libre_from("6.14.8", tree, ["x86_64-linux"])

        assert [it.name for it in scripts[1:]] == ["deblob-6.14.8-gnu", "deblob-check-6.14.8-gnu"]
        assert set(tree.mounts) == {"/", "/src", "/deblob", "/deblob-check"}
        assert tree.mounts["/src"].derivation.name == "linux-6.14.8"
        assert (kernel.tree, kernel.release) == (tree.out, "6.14.8-gnu")


def test_scripts_of_another_series() -> None:
    """Scripts for another series would miss blobs without a word: they are refused."""
    with using(fake_context()), pytest.raises(OtherDeblobVersion) as caught:
        linux_libre_source("6.12.1", PRISTINE, ("6.14", PRISTINE, PRISTINE))

    assert (caught.value.version, caught.value.scripts) == ("6.12.1", "6.14")


def test_bad_values() -> None:
    """A hash that is none, and a revision that is none, are errors."""
    with pytest.raises(InvalidSource):
        make_linux_libre("6.14.8", "0" * 51, ["x86_64-linux"])
    with pytest.raises(InvalidArgument):
        make_linux_libre("6.14.8", HASH, ["x86_64-linux"], gnu_revision="../gnu")
