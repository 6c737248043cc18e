"""Write the table of removed options from kernel trees, oldest first: `python -m tests.removals.write TREE TREE…`.

A tree may be reduced to its files called `Kconfig*`, `Makefile*` and `Kbuild*`. Debian's packages `linux-source-*` have whole ones.
"""

from __future__ import annotations

import itertools
import sys

from pathlib import Path

from derivations.kconfig.symbols.renames import REMOVALS
from tests.removals.compare import read_tree, removals


HEAD = """\
# Options that are gone, by a comparison of kernel trees: those of Debian's linux-source packages for
#   {versions}
# Each line: the option, the last of these versions that has it, the first that does not, and what it is called since, if
# that is certain. The trees do not show in which version between the two it went.
# Made by `python -m tests.removals.write`, which records what is certain. Do not edit: what people know is in renames.py.
"""


def main(arguments: list[str]) -> None:
    """Compare the trees in the directories *arguments*, each with the next."""
    trees = [read_tree(Path(it)) for it in arguments]
    lines: dict[str, str] = {}
    for older, newer in itertools.pairwise(trees):
        for it in removals(older, newer):
            lines[it.name] = " ".join(
                (it.name, it.last, it.gone, *it.new)
            )  # of an option that came back, the last time
    newest = trees[-1].options
    kept = [line for name, line in sorted(lines.items()) if name not in newest]
    text = HEAD.format(versions=", ".join(it.version for it in trees)) + "".join(f"{line}\n" for line in kept)
    REMOVALS.write_text(text, encoding="utf-8")
    print(f"wrote {REMOVALS}: {len(kept)} options, {sum(line.count(' ') > 2 for line in kept)} with a successor")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
