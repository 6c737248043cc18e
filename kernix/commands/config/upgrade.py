"""`kernix config upgrade`: show what another version of Linux changes in a configuration."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import click

from derivations.kconfig.comparison.difference import difference
from derivations.kconfig.comparison.upgrade import upgrade
from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.diagnosis.repair import repair
from derivations.linux.patch import Patch
from derivations.realise.kconfig_session import evaluator
from kernix.building import realise
from kernix.configs.named import and_bundled, from_kernel, kernel_or_version
from kernix.configs.resolved import kernel, resolve
from kernix.evaluation.definitions import definitions
from kernix.options import PATH, VerbCommand, attribute, complete_attributes, evaluation, realisation
from kernix.output.differences import values, why
from kernix.output.messages import print_message, warn
from kernix.output.quantities import number
from kernix.output.table import rows


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from derivations.kconfig.comparison.difference import OptionChange
    from derivations.kconfig.comparison.upgrade import Upgrade, UpgradeStep
    from derivations.kconfig.diagnosis.outcome import Diagnosis
    from derivations.kconfig.language.values import Value
    from derivations.linux.kernel import Kernel
    from kernix.configs.resolved import Resolved
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command(cls=VerbCommand)
@attribute
@click.option("--to", required=True, metavar="VERSION|ATTR", shell_complete=complete_attributes,
              help="The version of Linux to move to, or a kernel that has it.")  # fmt: skip
@evaluation
@realisation
@click.option("--all", "everything", is_flag=True, help="List every new option, not only those that are enabled.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--html", "page", type=PATH, help="Write an HTML page to this file.")
@click.pass_obj
def command(
    session: Session, /, *, attribute: str, to: str, everything: bool, as_json: bool, page: Path | None,
    options: Options, chosen: Chosen,
) -> None:  # fmt: skip
    """Show what another version of Linux changes in the configuration of the kernel ATTR.

    The definition is resolved against the source of the other version. The report lists requests that no
    longer hold, each with the edit to make; options whose values change by themselves; and options that were
    removed, added, or have another type. Nothing is compiled. Patches are not applied, but the options
    that they request are kept.
    """
    with definitions(session, options) as names:
        old = resolve(session, attribute, kernel(names, attribute), chosen)
        new = resolve(session, *_moved(and_bundled(names, options), old.kernel, attribute, to), chosen)
    found = _upgrade(session, old, new, chosen)
    if page is not None:
        from kernix.pages.upgrade import upgrade_page  # noqa: PLC0415 -- start-up: only for pages

        page.write_text(upgrade_page(found), encoding="utf-8")
        print_message(f"wrote {page}")
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    elif page is None:
        click.echo("\n".join(_lines(found, everything=everything)))


def _moved(names: Mapping[str, Any], old: Kernel, attribute: str, to: str) -> tuple[str, Kernel]:
    """Return the kernel *old* with the source of the kernel *to*, and its name."""
    target_name, target = kernel_or_version(names, to)
    arguments = old.arguments
    if patches := [it.name for it in arguments.patches if it.sources]:
        warn(f"{number(len(patches), 'patch is', 'patches are')} not applied: {', '.join(patches)}")
    asking = [Patch(it.name, extra_config=it.extra_config) for it in arguments.patches if it.extra_config]
    new = old.override(version=target.version, source=target.source, patches=asking, mod_dir_version=None)
    return f"{attribute} with the sources of {target_name}", new


def _upgrade(session: Session, old: Resolved, new: Resolved, chosen: Chosen) -> Upgrade:
    before, after = from_kernel(session, old, chosen), from_kernel(session, new, chosen)
    diagnoses = diagnose(new.merged_requests, new.model, new.values)
    repairs = _repairs(session, new, diagnoses, chosen)
    return upgrade(difference(before, after), diagnoses, repairs)


def _repairs(
    session: Session, new: Resolved, diagnoses: Sequence[Diagnosis], chosen: Chosen
) -> dict[str, Mapping[str, Value]]:
    """Return for each failed request that can be repaired the options that make it hold."""
    failing = [it for it in diagnoses if it.fails and it.option in new.model]
    if not failing:
        return {}
    base = new.kernel.base_config
    text = session.store.path(realise(session, [base], **chosen)[base]).read_text(encoding="utf-8")
    held = {it.option: it.wanted for it in diagnoses if it.holds}
    with evaluator(session.store, new.kernel.resolver) as resolver:
        return {
            it.option: repair(
                {**held, it.option: it.wanted}, text, new.model, resolver, settle=resolver.settled, alternatives=0
            ).best.options
            for it in failing
        }


def _lines(found: Upgrade, *, everything: bool) -> Iterator[str]:
    """Yield human-readable lines about *found*, beginning with the edits to make."""
    old, new = found.difference.old, found.difference.new
    yield f"{old.name}: Linux {old.version} -> {new.version}"
    fine = found.requests - len(found.steps)
    yield f"{number(found.requests, 'option is', 'options are')} requested; {fine} of them need no edit"
    if found.steps:
        yield ""
        yield "to edit:"
        yield from (line for step in found.steps for line in _step(step))
    yield from _section("options whose values change by themselves", found.defaults)
    yield from _section("options that were set and no longer exist", found.removed)
    if found.redefined:
        yield f"\noptions whose definitions changed: {len(found.redefined)}"
        yield from rows([(f"  {it.option}", it.what, f"{it.old} -> {it.new}") for it in found.redefined])
    on = [it for it in found.added if it.new not in {"n", "absent"}]
    yield from _section(f"new options that are on, of {len(found.added)}", found.added if everything else on)


def _step(step: UpgradeStep) -> Iterator[str]:
    place = f" ({step.request.origin})" if str(step.request.origin) else ""
    yield f"  {step.option}{place}: {step.text}"
    yield from (f"    {sign} {line}" for sign, line in step.edit())


def _section(title: str, changes: Sequence[OptionChange]) -> Iterator[str]:
    if changes:
        yield f"\n{title}: {len(changes)}"
        yield from rows([(f"  {it.option}", values(it), it.prompt or why(it)) for it in changes])
