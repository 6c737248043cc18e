"""`kernix config hardening`: compare a configuration with the rules of the Kernel Self Protection Project."""

from __future__ import annotations

import json

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.hardening.kspp import RULES
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.header import check_complete, head
from derivations.kconfig.language.to_python import names_in, to_python
from derivations.kconfig.language.values import YES
from derivations.kconfig.rules.fulfil import fulfilled, verdicts
from derivations.kconfig.rules.report import RuleOutcome, completed, report
from derivations.kconfig.symbols.dotconfig import parse
from derivations.realise.kconfig_session import evaluator
from derivations.version import Version
from kernix.configs.files import name_of, text_of
from kernix.configs.named import NoConfiguration, is_file
from kernix.configs.repair import start
from kernix.configs.resolved import kernel, resolve
from kernix.evaluation.definitions import definitions
from kernix.options import VerbCommand, complete_attributes, evaluation, realisation
from kernix.output.quantities import number


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from derivations.kconfig.language.values import Value
    from derivations.kconfig.rules.report import Verdict
    from kernix.configs.resolved import Resolved
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command(cls=VerbCommand)
@click.argument("subject", metavar="ATTR|FILE", shell_complete=complete_attributes)
@evaluation
@realisation
@click.option("--all", "everything", is_flag=True, help="List rules that hold or do not apply, too.")
@click.option("--fragment", "as_fragment", is_flag=True, help="Print a Python fragment that fulfils the missing rules.")
@click.option("--strict", is_flag=True, help="With --fragment: include rules that take features away from users.")
@click.option("--json", "as_json", is_flag=True, help="Print the result of every rule as JSON.")
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
    """Compare the configuration of the kernel ATTR, or a .config, with the rules of the Kernel Self Protection Project.

    Each rule is held, not held, or not applicable: this version or architecture lacks the option, another option
    makes it pointless, the kernel does not have what it protects, or no setting can fulfil it. What a rule takes
    away from users, or requires, is shown next to it. With the fragment of --fragment, every rule holds that can.
    """
    with definitions(session, options) as names:
        found = None if is_file(names, subject) else resolve(session, subject, kernel(names, subject), chosen)
    if as_fragment:
        click.echo(_of_file(Path(subject), strict) if found is None else _of_kernel(session, found, chosen, strict))
        return
    judged = _judged(Path(subject))({}) if found is None else verdicts(RULES, found.model, found.values)
    if as_json:
        click.echo(json.dumps([it.to_json() for it in judged], indent=2))
    else:
        click.echo("\n".join(_lines(judged, everything=everything)))


def _of_kernel(session: Session, found: Resolved, chosen: Chosen, strict: bool) -> str:
    """Return the hardening fragment of a kernel as Python, confirmed by its Kconfig."""
    base = start(session, found, diagnose(found.merged_requests, found.model, found.values), chosen)
    with evaluator(session.store, found.kernel.resolver) as resolver:
        made = fulfilled(
            RULES, found.merged_requests.requests, base, found.model, resolver, settle=resolver.settled, strict=strict
        )
    notes = [f"# {name} is left out: {why}" for name, why in made.left_out.items()]
    if made.dependencies:
        names = ", ".join(made.dependencies)
        notes.append(f"# {names}: needed by the others")
    return _python(Fragment("hardening", {**made.requests, **made.dependencies}), notes)


def _of_file(place: Path, strict: bool) -> str:
    """Return the hardening fragment for a `.config` as Python, derived from its values alone."""
    return _python(completed(_judged(place), strict=strict), [])


def _judged(place: Path) -> Callable[[Mapping[str, Value]], tuple[Verdict, ...]]:
    """Return a function that judges the `.config` at *place* with further options over it."""
    text = text_of(place)
    check_complete(text, name_of(place))
    about = head(text)
    if about is None:
        raise NoConfiguration(place, "its header does not name its version and architecture")
    values = parse(text)
    version, arch = Version.parse(about.version), _arch(about.architecture, values)
    return lambda asked: report(RULES, {**values, **asked}, version, arch)


def _arch(named: str, values: Mapping[str, Value]) -> str:
    """Return the architecture that a `.config` calls *named*: `x86` may be of 32 or 64 bits."""
    return {True: "x86_64", False: "i386"}[values.get("X86_64") is YES] if named == "x86" else named


def _python(asked: Fragment, notes: Sequence[str]) -> str:
    source = to_python(asked)
    names = names_in(source)
    imports = f"from derivations import {', '.join(names)}\n\n\n" if names else ""
    return f"{imports}{''.join(f'{it}{chr(10)}' for it in notes)}extra_config = {source}"


def _lines(verdicts: Sequence[Verdict], *, everything: bool) -> Iterator[str]:
    """Yield human-readable verdicts; rules that could be held at no cost come last, nearest to the prompt."""
    for it in sorted(verdicts, key=lambda it: (it.outcome is RuleOutcome.NOT_HELD, not it.rule.takes)):
        if everything or it.outcome is RuleOutcome.NOT_HELD:
            yield f"{it.outcome.value}: {it}"
    counts = Counter(it.outcome for it in verdicts)
    outcomes = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in RuleOutcome if counts[outcome])
    yield f"{number(len(verdicts), 'rule')}: {outcomes}"
