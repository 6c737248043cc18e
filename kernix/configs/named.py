"""Configurations as users name them: a kernel, a version of Linux, or a file.

linux_micro, my.kernel      an attribute that is a kernel
6.12, 6.12.117              a version: the kernel of the set that has it
./old.config, /boot/config  a file: it contains a slash, ends in .config, or exists and is not an attribute; it may be
                            compressed, like /proc/config.gz
-                           stdin

For a file alone, only its values and the content of its header are known.
"""

from __future__ import annotations

import re

from pathlib import Path
from typing import TYPE_CHECKING, Any

from derivations.frozen_map import FrozenMap
from derivations.kconfig.comparison.side import Side
from derivations.kconfig.diagnosis.base import read_base
from derivations.kconfig.language.header import check_complete, directory, head
from derivations.kconfig.language.text import read
from derivations.kconfig.language.values import Unset, written
from derivations.kconfig.symbols.values_table import Values
from derivations.linux.kernel import Kernel
from derivations.linux.prebuilt import PrebuiltKernel
from derivations.version import InvalidVersion, Version
from kernels import kernel_set
from kernix.building import realise
from kernix.configs.files import STDIN, as_base, name_of, text_of
from kernix.configs.resolved import kernel
from kernix.evaluation.attributes import Layers
from store.errors import Error, UsageError


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.language.values import Value
    from kernix.configs.resolved import Resolved
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


_LOOKS_LIKE_A_VERSION = re.compile(r"v?\d+\.\d")


class NoConfiguration(Error):
    """A file is not a .config."""

    file: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.file} is not a .config: {self.reason}"


class NoSuchVersion(UsageError):
    """The set has no kernel, or several kernels, with a version."""


def and_bundled(names: Mapping[str, Any], options: Options) -> Mapping[str, Any]:
    """Return *names* with the bundled kernels below them, because comparisons often are with one of these."""
    return Layers(names, kernel_set(system=options.system))


def versioned(names: Mapping[str, Any], text: str) -> tuple[str, Kernel]:
    """Return the name and the kernel in *names* whose version, or series, is *text*.

    Raises:
        NoSuchVersion: there is none, or there are several.
    """
    wanted = Version.parse(text.removeprefix("v"))
    kernels = {name: it for name in names if isinstance(it := names[name], Kernel) and not it.is_prebuilt}
    exact = [name for name, it in kernels.items() if it.version == text.removeprefix("v")]
    series = [
        name
        for name, it in kernels.items()
        if wanted.patch is None and Version.parse(it.version).series == wanted.series
    ]
    own = [name for name in (*exact, *series) if name == f"linux_{wanted.series.replace('.', '_')}"]
    found = own or exact or series
    if not found:
        message = f"no kernel has the version {text}"
        raise NoSuchVersion(message, "`kernix list` lists the available kernels")
    if len(found) > 1:
        message = f"several kernels have the version {text}: {', '.join(found)}"
        raise NoSuchVersion(message, f"name one of them, such as `{found[0]}`")
    return found[0], kernels[found[0]]


def is_version(text: str) -> bool:
    """Return whether *text* looks like a version rather than a name."""
    return _LOOKS_LIKE_A_VERSION.match(text) is not None


def is_file(names: Mapping[str, Any], text: str) -> bool:
    """Return whether *text* names a file."""
    return text == "-" or "/" in text or text.endswith(".config") or (text not in names and Path(text).is_file())


def kernel_or_version(names: Mapping[str, Any], text: str) -> tuple[str, Kernel]:
    """Return the name and the kernel that *text*, an attribute or a version, refers to.

    Raises:
        UnknownAttribute, NotBuildable, NoSuchVersion: there is none.
    """
    if not is_version(text):
        return text, kernel(names, text)
    try:
        return versioned(names, text)
    except InvalidVersion:
        return text, kernel(names, text)


def from_kernel(session: Session, found: Resolved, chosen: Chosen) -> Side:
    """Return the configuration of the kernel *found*, with its base."""
    base = found.kernel.base_config
    data = session.store.path(realise(session, [base], **chosen)[base]).read_bytes()
    lines = read_base(data, base.derivation.name, found.model).requests
    argument = found.kernel.base
    return Side(
        name=found.name,
        values=found.values,
        version=found.model.version,
        arch=found.model.srcarch,
        model=found.model,
        requests=found.merged_requests.requests,
        base_name=argument if isinstance(argument, str) else argument.derivation.name,
        base={option: it.value for option, it in lines.items()},
    )


def with_file(found: Kernel, place: Path) -> Kernel:
    """Return the kernel *found* with the `.config` at *place* as its only request.

    Raises:
        IncompleteConfig, ForeignConfig: the file is truncated, or for another architecture.
    """
    source = found.from_source if isinstance(found, PrebuiltKernel) else found
    return source.override(
        base=as_base(place),
        extra_config=lambda _: (),
        enable_common_config=False,
        auto_modules=False,
        hardware=None,
        exact=False,
    )


def from_file(place: Path) -> Side:
    """Return the configuration in the file at *place*, with the content of its header.

    Raises:
        NoConfiguration: it is not a configuration.
        IncompleteConfig: it is truncated.
        InvalidFragment: it has lines that are not valid in a `.config`.
    """
    return from_text(text_of(place), name_of(place), name_of(place) if place == STDIN else str(place))


def from_text(text: str, name: str, title: str) -> Side:
    """Return the configuration *text*, called *name* in errors and *title* as a side.

    Raises:
        NoConfiguration: it is not a configuration.
        IncompleteConfig: it is truncated.
        InvalidFragment: it has lines that are not valid in a `.config`.
    """
    check_complete(text, name)
    fragment = read(text, name)
    if not fragment.options:
        raise NoConfiguration(Path(title), "it sets no option")
    values = {name: clauses[-1].request.value for name, clauses in fragment.options.items()}
    about = head(text)
    return Side(
        name=title,
        values=Values({name: f"0 1 {_raw(value)}" for name, value in values.items()}),
        version=about.version if about is not None else "",
        arch=directory(about.architecture) if about is not None else "",
        requests=FrozenMap(),
    )


def _raw(value: Value | Unset) -> str:
    """Return *value* in the notation of `Values`."""
    if isinstance(value, Unset):
        return "n"
    return f'"{value}' if isinstance(value, str) else written(value)
