"""Write the table of removed options: `python -m tests.removals.write [CONFIG…] TREE TREE…`, each oldest first.

A tree may be reduced to its files called `Kconfig*`, `Makefile*` and `Kbuild*`. Debian's packages `linux-source-*` have whole ones.
For versions before the oldest tree, whole `.config` files show options that existed. Debian 11's package `guix` has some.
"""

from __future__ import annotations

import itertools
import sys

from pathlib import Path

from derivations.kconfig.symbols.renames import REMOVALS
from tests.removals.compare import before, configuration, read_tree, removals


HEAD = """\
# Options that are gone, by a comparison of kernel trees: those of Debian's linux-source packages for
#   {versions}
# and, for earlier versions, whole configurations, which name most options, of
#   {configurations}
# Each line: the option, the last of these versions that has it, the first tree that does not, and what it is called since,
# if that is certain. The trees do not show in which version between the two it went.
# Made by `python -m tests.removals.write`, which records what is certain. Do not edit: what people know is in renames.py.
"""


def main(arguments: list[str]) -> None:
    """Compare the trees in the directories *arguments*, each with the next, and the configurations in files with the first."""
    places = [Path(it) for it in arguments]
    trees = [read_tree(it) for it in places if it.is_dir()]
    configurations = [configuration(it.read_text(encoding="utf-8")) for it in places if not it.is_dir()]
    steps = (before(configurations, trees[0]), *(removals(older, newer) for older, newer in itertools.pairwise(trees)))
    lines: dict[str, str] = {}
    for it in itertools.chain.from_iterable(steps):
        lines[it.name] = " ".join((it.name, it.last, it.gone, *it.new))  # of an option that came back, the last time
    newest = trees[-1].options
    kept = [line for name, line in sorted(lines.items()) if name not in newest]
    head = HEAD.format(
        versions=", ".join(it.version for it in trees),
        configurations=", ".join(dict.fromkeys(it.version for it in configurations)),
    )
    REMOVALS.write_text(head + "".join(f"{line}\n" for line in kept), encoding="utf-8")
    print(f"wrote {REMOVALS}: {len(kept)} options, {sum(line.count(' ') > 2 for line in kept)} with a successor")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
