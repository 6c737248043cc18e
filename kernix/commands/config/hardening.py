"""`kernix config hardening`: how a configuration stands to the rules of the Kernel Self Protection Project."""

from __future__ import annotations

import json

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from derivations.kconfig.check import parse
from derivations.kconfig.hardening import Outcome, fragment, futile, report
from derivations.kconfig.head import check_complete, head
from derivations.kconfig.python import names_in, to_python
from derivations.kconfig.values import YES
from derivations.linux.version import Version
from kernix.config_files import name_of, text_of
from kernix.configurations import NoConfiguration, is_file
from kernix.definitions import definitions
from kernix.options import complete_attributes, evaluation, realisation
from kernix.quantities import number
from kernix.resolving import kernel, resolve


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from derivations.kconfig.hardening import Verdict
    from derivations.kconfig.values import Value
    from kernix.inputs import Options
    from kernix.options import Chosen
    from kernix.resolving import Resolved
    from kernix.session import Session


@click.command
@click.argument("subject", metavar="ATTR|FILE", shell_complete=complete_attributes)
@evaluation
@realisation
@click.option("--all", "everything", is_flag=True, help="Tell about rules that are held, or do not apply, as well.")
@click.option("--fragment", "as_fragment", is_flag=True, help="Print the Python to paste that holds what is not held.")
@click.option("--strict", is_flag=True, help="With --fragment: also what takes something away from users.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict on every rule as JSON.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    subject: str,
    everything: bool,
    as_fragment: bool,
    strict: bool,
    as_json: bool,
    options: Options,
    chosen: Chosen,
) -> None:
    """Compare the configuration of the kernel ATTR, or a .config, with what the Kernel Self Protection Project recommends.

    Each rule is held, not held, or not applicable: the version or architecture does not have the option, or
    another one makes it pointless. What a rule would take away from users, or needs, stands behind it.
    """
    with definitions(session, options) as names:
        if is_file(names, subject):
            found, verdicts = None, _of_file(Path(subject))
        else:
            found = resolve(session, subject, kernel(names, subject), chosen)
            verdicts = _of_kernel(found)
    if as_json:
        click.echo(json.dumps([it.to_json() for it in verdicts], indent=2))
    elif as_fragment:
        in_vain = {} if found is None else futile(verdicts, found.wanted.requests, found.model, found.values)
        click.echo(_python(verdicts, in_vain, strict=strict))
    else:
        click.echo("\n".join(_lines(verdicts, everything=everything)))


def _of_kernel(found: Resolved) -> tuple[Verdict, ...]:
    text = found.file.read_text(encoding="utf-8", errors="surrogateescape")
    return report(parse(text), Version.parse(found.kernel.version), found.model.arch, options=found.model)


def _of_file(place: Path) -> tuple[Verdict, ...]:
    text = text_of(place)
    check_complete(text, name_of(place))
    about = head(text)
    if about is None:
        raise NoConfiguration(place, "no line at its beginning tells for which version and architecture it is")
    values = parse(text)
    return report(values, Version.parse(about.version), _arch(about.architecture, values))


def _arch(named: str, values: Mapping[str, Value]) -> str:
    """Return the architecture that a `.config` calls *named*: both kinds of x86 may be called so."""
    return {True: "x86_64", False: "i386"}[values.get("X86_64") is YES] if named == "x86" else named


def _python(verdicts: Sequence[Verdict], in_vain: Mapping[str, str], *, strict: bool) -> str:
    source = to_python(fragment(verdicts, strict=strict, without=in_vain))
    names = names_in(source)
    imports = f"from derivations import {', '.join(names)}\n\n\n" if names else ""
    all_options = fragment(verdicts, strict=strict).options
    left_out = "".join(f"# {name} is left out: {why}\n" for name, why in in_vain.items() if name in all_options)
    return f"{imports}{left_out}extra_config = {source}"


def _lines(verdicts: Sequence[Verdict], *, everything: bool) -> Iterator[str]:
    """Yield the verdicts for people, what could be held at no price last, nearest to the prompt."""
    for it in sorted(verdicts, key=lambda it: (it.outcome is Outcome.NOT_HELD, not it.rule.takes)):
        if everything or it.outcome is Outcome.NOT_HELD:
            yield f"{it.outcome.value}: {it}"
    counts = Counter(it.outcome for it in verdicts)
    told = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome])
    yield f"{number(len(verdicts), 'rule')}: {told}"
