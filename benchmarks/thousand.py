"""A thousand trivial independent derivations, for kernix and for Nix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.peers import Nix
    from benchmarks.workbench import Workbench


COUNT = 1000
JOBS = 2

_DEFINITIONS = """\
from derivations import Derivation, local_file

busybox = local_file({busybox!r})
for number in range({count}):
    globals()[f"trivial_{{number}}"] = Derivation(
        name=f"trivial-{{number}}",
        system="x86_64-linux",
        builder="/bin/busybox",
        args=("sh", "-c", f"echo {{number}} > /out/out"),
        mounts={{"/bin/busybox": busybox.out}},
    )
"""
_EXPRESSION = """\
builtins.genList (number: derivation {{
  name = "trivial-${{toString number}}";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "echo ${{toString number}} > $out" ];
}}) {count}
"""


@attrs.frozen(kw_only=True)
class Thousand:
    """The derivations: *attributes* of *file* for kernix, *expression* for Nix."""

    bench: Workbench
    file: Path
    expression: Path
    attributes: tuple[str, ...]

    @property
    def arguments(self) -> list[str | Path]:
        """The arguments with which kernix builds them all."""
        return ["build", "-j", str(JOBS), "--no-link", "-f", self.file, *self.attributes]

    def instantiate(self, nix: Nix) -> list[str]:
        """Start with an empty store of *nix* and return the derivations in it."""
        nix.reset(sandbox=True)
        return nix.run("nix-instantiate", self.expression).split()


def thousand(bench: Workbench) -> Thousand:
    """Write the definitions to the scratch directory of *bench*."""
    count = bench.count(COUNT)
    file, expression = bench.scratch / "thousand.py", bench.scratch / "thousand.nix"
    file.write_text(_DEFINITIONS.format(busybox=str(bench.busybox), count=count), encoding="utf-8")
    expression.write_text(_EXPRESSION.format(count=count), encoding="utf-8")
    attributes = tuple(f"trivial_{number}" for number in range(count))
    return Thousand(bench=bench, file=file, expression=expression, attributes=attributes)
