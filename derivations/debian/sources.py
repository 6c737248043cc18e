"""Read and write apt's sources in both formats of sources.list(5).

The formats are lines, `deb [option=value …] URI suite component…`, and stanzas of
fields (`.sources`). A line's options correspond to a stanza's fields.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_FIELDS = {"arch": "Architectures", "lang": "Languages", "target": "Targets"}
_SIGNS = {"+": "-Add", "-": "-Remove", "": ""}
_OWN = frozenset({"types", "uris", "suites", "components", "enabled"})
_FALSE = frozenset({"no", "false", "without", "off", "disable", "0"})
_UNCHECKED = frozenset({"trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure"})

_LINE = re.compile(r"\s*deb\s+(?:\[([^]]*)\]\s*)?(.*)")
_WORD = re.compile(r'#.*|(?:\[[^]]*\]|"[^"]*"|[^\s#"[])+')
_OPTION = re.compile(r"([A-Za-z-]+?)([+-]?)=(\S+)")
_FIELD = re.compile(r"([^\s:#][^\s:]*)[ \t]*:(.*)")


def _as_apt(uri: str) -> str:
    """Return *uri* as apt writes it: without the empty host that `file:///` has."""
    return re.sub("^([^:/]+:)//(?=/)", r"\1", uri)


def _texts(values: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap(values)


@attrs.frozen(kw_only=True)
class Source:
    """One release in one archive.

    Attributes:
        uri: The archive's base URL.
        suite: The release's name in it; with a trailing slash, the directory of an archive without a pool.
        components: The parts of the release.
        options: Further fields of a stanza, by name; a value of several lines is unchanged from the stanza.
    """

    uri: str = attrs.field(converter=_as_apt)
    suite: str
    components: tuple[str, ...] = ()
    options: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_texts)

    @property
    def unchecked(self) -> bool:
        """Return whether it accepts packages without a valid signature."""
        return any(_unchecks(*it) for it in self.options.items())

    @property
    def checked(self) -> Source:
        """Return the same source with its signature checked."""
        return attrs.evolve(self, options={k: v for k, v in self.options.items() if not _unchecks(k, v)})

    @property
    def trusted(self) -> Source:
        """Return the same source, trusted without a signature."""
        return attrs.evolve(self, options={**self.checked.options, "Trusted": "yes"})

    def __str__(self) -> str:
        # Without user and password, as in apt's messages.
        return f"{re.sub('//[^/@]*@', '//', self.uri).rstrip('/')} {self.suite}"


def parse_lines(text: str) -> list[Source]:
    """Return the sources of binary packages in *text*, one source a line."""
    found = []
    for line in text.splitlines():
        if not (match := _LINE.fullmatch(line)):
            continue
        options, rest = match.groups()
        words = _WORD.findall(rest)
        uri, suite, *components = [*(it for it in words if not it.startswith("#")), "", ""]
        if uri and suite:
            fields = {_field(name, sign): value for name, sign, value in _OPTION.findall(options or "")}
            parts = tuple(filter(None, components))
            found.append(Source(uri=uri, suite=suite, components=parts, options=fields))
    return found


def parse_stanzas(text: str) -> list[Source]:
    """Return the sources of binary packages in *text*, which consists of stanzas."""
    found = []
    for stanza in _stanzas(text):
        fields = {name.lower(): value for name, value in stanza.items()}
        if fields.get("enabled", "yes").strip().lower() in _FALSE or "deb" not in fields.get("types", "").split():
            continue
        options = {name: value for name, value in stanza.items() if name.lower() not in _OWN}
        components = tuple(fields.get("components", "").split())
        found += [
            Source(uri=uri, suite=suite, components=components, options=options)
            for uri in fields.get("uris", "").split()
            for suite in fields.get("suites", "").split()
        ]
    return found


def write(sources: Iterable[Source]) -> str:
    """Return *sources* as stanzas."""
    return "\n".join(_stanza(it) for it in sources)


def _stanza(source: Source) -> str:
    fields: dict[str, str] = {"Types": "deb", "URIs": source.uri, "Suites": source.suite}
    if source.components:
        fields["Components"] = " ".join(source.components)
    return "".join(f"{name}: {value}\n" for name, value in {**fields, **source.options}.items())


def _stanzas(text: str) -> Iterable[Mapping[str, str]]:
    """Yield the fields of each stanza, skipping comment lines, which do not end a stanza."""
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if name:
                fields[name] += f"\n{line}"
        elif match := _FIELD.fullmatch(line):
            name = match[1]
            fields[name] = match[2].strip()


def _field(name: str, sign: str) -> str:
    return _FIELDS.get(name.lower(), name) + _SIGNS[sign]


def _unchecks(name: str, value: str) -> bool:
    return name.lower() in _UNCHECKED and value.strip().lower() not in _FALSE
