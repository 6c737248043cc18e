"""Kernels with a complete `.config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import using
from derivations.fetch import fetch_url
from derivations.kconfig.language.header import ConfigOfOtherVersion, ForeignConfig, IncompleteConfig
from derivations.linux.arguments import InvalidArgument, UnknownArgument
from derivations.linux.kernel import make_linux
from derivations.linux.manual_config import linux_manual_config, linux_packages_custom
from derivations.linux.patch import Patch
from derivations.source import NoSource, local_file, text_file
from overlays.load import load_file
from tests.fakes import fake_context, no_context


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from derivations.linux.kernel import Kernel
    from store.errors import Error


SOURCE = fetch_url("https://cdn.kernel.org/linux-6.1.55.tar.xz", sha256="0" * 64)
WHOLE = """\
#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.1.55 Kernel Configuration
#
CONFIG_LOCALVERSION="-mine"
CONFIG_A=y
# end of General setup
"""


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    """Evaluate with a made-up lock."""
    with using(fake_context()):
        yield


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a complete `.config`."""
    file = tmp_path / "path_to_config_file"
    file.write_text(WHOLE)
    return file


def make(config_file: object, **changes: Any) -> Kernel:  # noqa: ANN401 -- what a test gives
    """Return a kernel with *config_file* and *changes*."""
    return linux_manual_config(**{"version": "6.1.55", "source": SOURCE, "config_file": config_file, **changes})


def test_the_file_is_the_whole_configuration(config: Path) -> None:
    """The file is the base and must be the result; the version is known without either."""
    kernel = make(config)

    assert kernel.arguments.base == local_file(config).out
    assert kernel.arguments.exact
    assert kernel == make_linux(version="6.1.55", source=SOURCE, base=config, exact=True, mod_dir_version="6.1.55-mine")
    with using(no_context()):
        assert make(config).version == "6.1.55"


def test_the_release(config: Path) -> None:
    """The release is the version with the suffixes of the file and the caller, unless it is given."""
    assert make(config).release == "6.1.55-mine"
    assert make(config, extra_version="-x").release == "6.1.55-mine-x"
    assert make(config, version="6.1.55-custom").release == "6.1.55-mine"
    assert make(config, version="6.1.55-custom", mod_dir_version="6.1.55").release == "6.1.55"


def test_a_built_file(config: Path) -> None:
    """A file may be the output of a derivation; its content is checked once it is built."""
    made = text_file("config", config.read_text())

    assert make(made).arguments.base == made.out
    assert make(made).release == "6.1.55"


def test_the_manual_s_call(tmp_path: Path, config: Path) -> None:
    """The example of nixpkgs' manual works unchanged, with the file beside the definition."""
    (tmp_path / "mine.py").write_text(
        "from derivations import fetch_url, linux_packages_custom\n"
        "it = linux_packages_custom(\n"
        "    version='6.1.55-custom',\n"
        "    mod_dir_version='6.1.55',\n"
        "    source=fetch_url('https://cdn.kernel.org/linux-6.1.55.tar.xz', sha256='0' * 64),\n"
        "    config_file='path_to_config_file',\n"
        ")\n"
    )
    found = load_file(tmp_path / "mine.py")["it"]

    assert found.kernel == make(config, version="6.1.55-custom", mod_dir_version="6.1.55")
    assert found.kernel == linux_packages_custom(version="6.1.55", source=SOURCE, config_file=config).kernel.override(
        version="6.1.55-custom", mod_dir_version="6.1.55"
    )


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        pytest.param("x86", "arm64", ForeignConfig, id="architecture"),
        pytest.param("6.1.55", "5.10.3", ConfigOfOtherVersion, id="version"),
        pytest.param("# end of General setup\n", "# end of Gen", IncompleteConfig, id="cut-off"),
        pytest.param("CONFIG_A=y\n", "#\n# Networking support\n#\nCONFIG_A=y\n", IncompleteConfig, id="cut-off-later"),
    ],
)
def test_a_file_that_is_for_something_else(config: Path, old: str, new: str, error: type[Error]) -> None:
    """A file for another architecture or version, or one that is cut off, is rejected by name."""
    config.write_text(WHOLE.replace(old, new))
    with pytest.raises(error, match=r"^path_to_config_file is "):
        make(config)


@pytest.mark.parametrize(
    ("changes", "error", "sentence", "hint"),
    [
        pytest.param({"version": None}, InvalidArgument, "version: linux_manual_config requires it", None, id="no-version"),
        pytest.param({"config_file": None}, InvalidArgument, "config_file: linux_manual_config requires it", None, id="no-file"),
        pytest.param(
            {"configfile": "x"}, UnknownArgument, "linux_manual_config has no argument `configfile`",
            "did you mean `config_file`?", id="nixpkgs-name",
        ),
        pytest.param(
            {"extra_config": {}}, UnknownArgument, "linux_manual_config has no argument `extra_config`",
            "a complete .config leaves nothing to request; make_linux takes one as `base`", id="options-besides",
        ),
        pytest.param(
            {"modDirVersion": "6.1.55"}, UnknownArgument, "linux_manual_config has no argument `modDirVersion`",
            "did you mean `mod_dir_version`?", id="humps",
        ),
        pytest.param({"source": "x"}, InvalidArgument, "source: 'x' is not a derivation", None, id="source"),
    ],
)  # fmt: skip
def test_bad_calls(config: Path, changes: dict[str, Any], error: type[Error], sentence: str, hint: str | None) -> None:
    """An invalid call is rejected immediately; None counts as a missing argument."""
    given = {"version": "6.1.55", "source": SOURCE, "config_file": config, **changes}
    with pytest.raises(error) as caught:
        linux_manual_config(**{name: value for name, value in given.items() if value is not None})

    assert str(caught.value).startswith(sentence)
    assert caught.value.hint == hint


def test_no_such_file() -> None:
    """A missing file is named, relative to the definition."""
    with pytest.raises(NoSource, match=r"tests/derivations/linux/nothing: no such file or directory"):
        make("nothing")


def test_it_can_be_overridden(config: Path) -> None:
    """Such a kernel can be overridden like any other; the rest of the file must still hold."""
    kernel = make(config).override(extra_config={"B": 1}, patches=[Patch("p", extra_config={"C": 2})])

    assert {name: it.value for name, it in kernel.requests.items() if name in "ABC"} == {"B": 1, "C": 2}
    assert kernel.arguments.exact
