"""What a kernel's build would take from chance: given to it, or refused (`scripts/chance.sh`)."""

from __future__ import annotations

import subprocess

from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.derivations.linux.script_machine import Machine, Run


BUILD = """
set -eu
fail() { printf '@kernix {"kind": "%s", "error": "%s", "hint": "%s"}\\n' "$1" "$2" "$3"; exit 1; }
config=/config
. /kernix/chance.sh
for word in "$@"; do echo "word $word"; done
if [ "$seed" ]; then echo "seed $seed"; fi
"""


def run(
    machine: Machine,
    options: Sequence[str],
    then: str = "",
    words: Sequence[str] = (),
    *,
    given: str = "release=6.12.1",
) -> Run:
    """Read chance.sh for a kernel with the *options*, and run *then*; *words* are the arguments of make."""
    machine.write({"tmp/x": ""})
    (machine.root / "config").write_text("".join(f"CONFIG_{it}\n" for it in options))
    return machine.run_text("/bin/sh", f"{given}\n{BUILD}\n{then}\n", "it", *words)


def _seed(ran: Run) -> str:
    (line,) = (it for it in ran.lines if it.startswith("seed "))
    return line.removeprefix("seed ")


@pytest.mark.parametrize("option", ["X86_NATIVE_CPU", "MNATIVE_INTEL"])
def test_native(machine: Machine, option: str) -> None:
    """Options that compile for the processor of the machine that builds are refused."""
    ran = run(machine, [f"{option}=y"])
    assert ran.error["error"] == f"CONFIG_{option} compiles for the processor of the machine that builds"


def test_nothing_to_do(machine: Machine) -> None:
    """A kernel without any of it gets the programs and arguments that it would have."""
    ran = run(machine, ["MODULES=y", 'MODULE_SIG_KEY=""'], 'echo "$PATH"', ["A=b c"])
    assert ran.lines == ("word A=b c", "/tools:/usr/sbin:/usr/bin")


def test_generated_key(machine: Machine) -> None:
    """A key that each build would make anew is refused, with the way to give one."""
    ran = run(machine, ['MODULE_SIG_KEY="certs/signing_key.pem"'])
    assert ran.error["error"].startswith("each build would make another key for signing modules")
    assert 'signing_key="key.pem"' in ran.error["hint"]


@pytest.mark.parametrize("kind", ["rsa:2048", "ec"])
def test_given_key(machine: Machine, tmp_path: Path, kind: str) -> None:
    """A key that is given must be of the kind whose signatures are always the same."""
    place = str(tmp_path / "key.pem")
    curve = ["-pkeyopt", "ec_paramgen_curve:secp384r1"] if kind == "ec" else []
    command = [
        "openssl",
        "req",
        "-new",
        "-x509",
        "-newkey",
        kind,
        *curve,
        "-nodes",
        "-subj",
        "/CN=x",
        "-keyout",
        place,
        "-out",
        place,
    ]
    subprocess.run(["/usr/bin/env", *command], check=True, capture_output=True)
    (machine.root / "signing-key.pem").write_bytes(Path(place).read_bytes())
    ran = run(machine, ['MODULE_SIG_KEY="/signing-key.pem"'])
    if kind == "ec":
        assert ran.error["error"] == "signing_key has no RSA key, so no two signatures would be equal"
    else:
        assert ran.code == 0


SEED = "od -A n -t x8 -N 32 /dev/urandom | tr -d ' \\n'; echo; printf abc | od -A n -t x1"


@pytest.mark.parametrize("option", ["RANDSTRUCT=y", "GCC_PLUGIN_RANDSTRUCT=y"])
def test_seed(machine: Machine, option: str) -> None:
    """The kernel's script gets the seed instead of a random number; `od` is otherwise what it was."""
    ran = run(machine, [option], SEED)
    assert ran.lines[-2:] == (_seed(ran), " 61 62 63")
    assert len(_seed(ran)) == 64


def test_seed_follows(machine: Machine) -> None:
    """The seed follows from configuration and release, and is the same each time."""
    first, again, other = (_seed(run(machine, ["RANDSTRUCT=y", *more])) for more in ((), (), ("A=y",)))
    assert first == again != other
    assert _seed(run(machine, ["RANDSTRUCT=y"], given="release=6.12.2")) != first
    assert _seed(run(machine, ["RANDSTRUCT=y"], given="release=6.12.1 KERNIX_RANDSTRUCT_SEED=mine")) != first


@pytest.mark.parametrize(("file", "code"), [("$seed", 0), ("other", 1)])
def test_check_of_the_seed(machine: Machine, file: str, code: int) -> None:
    """A kernel that takes its seed from elsewhere is refused."""
    then = f'cd /tmp; mkdir -p scripts/basic; echo "{file}" > scripts/basic/randstruct.seed; check_seed'
    assert run(machine, ["RANDSTRUCT=y"], then).code == code


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param([], ["KCFLAGS=-frandom-seed=kernix"], id="none"),
        pytest.param(["A=b c", "KCFLAGS=-O3 -g"], ["A=b c", "KCFLAGS=-O3 -g -frandom-seed=kernix"], id="others"),
        pytest.param(["KCFLAGS=-frandom-seed=mine", "Z=1"], ["Z=1", "KCFLAGS=-frandom-seed=mine"], id="the user's own"),
    ],
)
def test_latent_entropy(machine: Machine, words: list[str], expected: list[str]) -> None:
    """The compiler gets a seed, besides the flags that the user passes."""
    ran = run(machine, ["GCC_PLUGIN_LATENT_ENTROPY=y"], words=words)
    assert [it.removeprefix("word ") for it in ran.lines] == expected


def test_pahole(machine: Machine) -> None:
    """Pahole runs with one job, whatever the kernel asks for, and all its other arguments."""
    machine.write({"tools/pahole": '#!/bin/sh\nprintf "<%s>" "$@"\n'})
    (machine.root / "tools/pahole").chmod(0o755)
    then = 'pahole -J -j --btf_gen_floats -j8 --jobs=3 --jobs "a b" --lang_exclude=rust'
    assert run(machine, ["DEBUG_INFO_BTF=y"], then).lines == ("<-J><--btf_gen_floats><a b><--lang_exclude=rust>",)
    assert run(machine, [], then).lines[0].startswith("<-J><-j>")
