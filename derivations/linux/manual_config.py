"""Kernels from a complete `.config`, like nixpkgs' functions of the same names.

Such a configuration is the user's to the last line: nothing is added to it, and if the
kernel's Kconfig would change it, the build stops before anything is compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from derivations.callers.relative_path import relative_to_caller
from derivations.kconfig.diagnosis.whole_config import local_version
from derivations.kconfig.language.text import bytes_of, decoded
from derivations.linux.arguments import NAMES, InvalidArgument, UnknownArgument, check_names, is_file_name
from derivations.linux.kernel import Kernel, make_linux
from derivations.linux.keywords import ManualKeywords
from derivations.version import Version


if TYPE_CHECKING:
    from pathlib import Path
    from typing import Unpack

    from derivations.linux.packages import Packages


_NAMES = ManualKeywords.__required_keys__ | ManualKeywords.__optional_keys__
_MAKE_CONFIGURATIONS = frozenset(NAMES) - _NAMES


def linux_manual_config(**arguments: Unpack[ManualKeywords]) -> Kernel:
    """Return the kernel with exactly the configuration of a file.

    Options that Kconfig computes itself, such as those that describe the compiler, may differ.

    Args:
        **arguments: All by name; those of `make_linux` that do not concern the configuration, and
            config_file: A complete `.config`: a file, relative to the calling file, or a derivation.
            mod_dir_version: The name of the modules directory; by default the version,
                in three numbers, with the CONFIG_LOCALVERSION of the file if it is a local one. For a
                kernel of the version `6.1.55-custom`, that is `6.1.55`.

    Raises:
        UnknownArgument: there is no such argument.
        InvalidArgument: a value is invalid, or `version`, `source` or `config_file` is missing.
        IncompleteConfig, MinimalConfig, ForeignConfig, ConfigOfOtherVersion: the file is cut off, incomplete, such
            as a defconfig, or for another architecture or version.
    """
    return _manual("linux_manual_config", **arguments)


def linux_packages_custom(**arguments: Unpack[ManualKeywords]) -> Packages[Kernel]:
    """Return the modules for the kernel that `linux_manual_config` makes from *arguments*; their `.kernel` is that kernel.

    Raises:
        UnknownArgument, InvalidArgument, IncompleteConfig, ForeignConfig, ConfigOfOtherVersion: as for
            `linux_manual_config`.
    """
    return _manual("linux_packages_custom", **arguments).packages


def _manual(function: str, /, *, config_file: Any = None, **rest: Any) -> Kernel:  # noqa: ANN401 -- each is checked by `Arguments`
    for name in sorted(_MAKE_CONFIGURATIONS.intersection(rest)):
        raise UnknownArgument(
            function, name, "a complete .config leaves nothing to request; make_linux takes one as `base`"
        )
    check_names(function, rest, sorted(_NAMES))
    for required, value in {
        "version": rest.get("version"),
        "source": rest.get("source"),
        "config_file": config_file,
    }.items():
        if value is None:
            raise InvalidArgument(required, f"{function} requires it")
    base = config_file
    if is_file_name(config_file) or isinstance(config_file, str):
        base = relative_to_caller(config_file, depth=2)
        release = rest.get("mod_dir_version") or _release(base, rest["version"], rest.get("extra_version", ""))
        rest["mod_dir_version"] = release
    return make_linux(**rest, base=base, exact=True)


def _release(config: Path, version: str, extra_version: object) -> str:
    local = local_version(decoded(bytes_of(config), config.name))
    return f"{Version.parse(version).release}{local}{extra_version}"
