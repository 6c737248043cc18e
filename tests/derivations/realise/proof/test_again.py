"""Building again: equal results, different ones and their causes, verdicts, what is kept, what is withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.proof.conditions import USUAL, Conditions
from derivations.proof.rounds import round_of
from derivations.realise.proof.again import Round, again
from derivations.realise.proof.prove import prove
from derivations.realise.sandbox.run_builder import BuildFailed


if TYPE_CHECKING:
    from derivations.derivation import Derivation
    from store.records.verdicts import Verdict
    from tests.derivations.realise.conftest import Workplace


SAME = "mkdir /out/out; echo always > /out/out/text; seq 1000 > /out/out/numbers; chmod +x /out/out/numbers"
RANDOM = "head -c 64 /dev/urandom > /out/out"


def _once(workplace: Workplace, derivation: Derivation, conditions: Conditions = USUAL) -> Round:
    (found,) = again(workplace.store, derivation, (conditions,), listener=workplace.listener)
    return found


def test_equal(workplace: Workplace) -> None:
    """A deterministic build is equal, under the usual conditions and under others, and nothing is left over."""
    it = workplace.shell("it", SAME)
    rounds = [USUAL, *(round_of(number, 2) for number in range(1, 5))]
    assert [found.equal for found in again(workplace.store, it, rounds)] == [True] * 5
    assert workplace.leftovers() == []


def test_really_built_again(workplace: Workplace) -> None:
    """The builder runs again even though the result exists, and its inputs do not."""
    source = workplace.shell("source", "cat /proc/sys/kernel/random/uuid > /out/out")
    it = workplace.shell("it", "cat /source > /out/out; echo runs", mounts={"/source": source.out})
    assert _once(workplace, it).equal
    lines = [event.text for event in workplace.listener.events if hasattr(event, "text")]
    assert lines == ["runs", "runs"]


def test_verdicts(workplace: Workplace) -> None:
    """Each comparison is recorded with what it was under; the result stays what it was."""
    it = workplace.shell("it", RANDOM)
    before = workplace.realise(it)
    found = _once(workplace, it)
    (compared,) = found.outputs
    (verdict,) = workplace.store.verdicts([compared.result])
    assert (verdict.key, verdict.output, verdict.equal, verdict.withdrawn) == (it.key, "out", False, False)
    assert verdict.conditions.startswith("the usual conditions; on Linux ")
    assert workplace.realise(it) == before


def test_other_result_is_kept(workplace: Workplace) -> None:
    """The output that differs is an object of the store, with the digest that the verdict names."""
    it = workplace.shell("it", RANDOM)
    (compared,) = _once(workplace, it).outputs
    assert compared.other is not None
    assert compared.other != compared.result
    (verdict,) = workplace.store.verdicts()
    assert workplace.store.info(compared.other).digest == verdict.rebuilt


def test_first_difference(workplace: Workplace) -> None:
    """A report names the file, the first byte that differs, and the bytes of both sides."""
    it = workplace.shell(
        "it",
        "mkdir -p /out/out/a; { head -c 100 /dev/zero; head -c 9 /dev/urandom | cat; } > /out/out/a/b; echo > /out/out/c",
    )
    (compared,) = _once(workplace, it).outputs
    (difference,) = compared.differences
    (part,) = difference.parts
    assert (difference.path, difference.what, part.offset, part.start) == ("a/b", "109 bytes", 100, 96)
    assert part.left[:4] == part.right[:4] == b"\0\0\0\0"
    assert part.left[4] != part.right[4]
    assert difference.cause is None


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        pytest.param("hostname > /out/out", "host name", id="host name"),
        pytest.param("id -u > /out/out", "user", id="number of the user"),
        pytest.param('echo "built by $(id -un)" > /out/out', "user", id="name of the user"),
        pytest.param("echo $KERNIX_CORES > /out/out", "number of processors", id="processors"),
        pytest.param("echo > it; cp it /out/out; case $(umask) in *22) chmod +x /out/out ;; esac", "umask", id="umask"),
        pytest.param('echo "12:00 ${TZ:-UTC}" > /out/out', "time zone", id="time zone"),
        pytest.param("cat /proc/sys/kernel/random/uuid > /out/out", "random identifier", id="random identifier"),
        pytest.param(
            'if [ "${LANG:-}" ]; then printf "a\\nB\\nc\\n"; else printf "B\\na\\nc\\n"; fi > /out/out',
            "locale",
            id="locale",
        ),
        pytest.param(
            'if [ "${LANG:-}" ]; then printf "2\\n3\\n1\\n"; else printf "3\\n1\\n2\\n"; fi > /out/out',
            "line order",
            id="order of lines",
        ),
        pytest.param(
            "while read -r _ _ _ from to _; do case $to in /build) echo /home$from ;; esac; done < /proc/self/mountinfo > /out/out",
            "build path",
            id="scratch directory",
        ),
    ],
)
def test_causes(workplace: Workplace, script: str, cause: str) -> None:
    """What a build takes from its surroundings is found by a round under others, and its cause named."""
    it = workplace.shell("it", script)
    (compared,) = _once(workplace, it, round_of(1, 2)).outputs
    assert [it.cause and it.cause.name for it in compared.differences] == [cause]


def test_timestamp(workplace: Workplace) -> None:
    """A time in a text is one, and the remedy names SOURCE_DATE_EPOCH."""
    it = workplace.shell("it", 'read -r now _ < /proc/uptime; echo "built at 12:00:${now#"${now%??}"}" > /out/out')
    (compared,) = _once(workplace, it).outputs
    (difference,) = compared.differences
    assert difference.cause is not None
    assert difference.cause.name == "timestamp"
    assert "SOURCE_DATE_EPOCH" in difference.cause.remedy


def test_other_kinds(workplace: Workplace) -> None:
    """Files that only one side has, and those that are something else, are reported."""
    script = (
        'mkdir /out/out; cd /out/out; if [ "${LANG:-}" ]; then ln -s a l; mkdir k; : > extra; else ln -s b l; : > k; fi'
    )
    it = workplace.shell("it", script)
    (compared,) = _once(workplace, it, round_of(1, 2)).outputs
    assert {it.path: it.what for it in compared.differences} == {
        "extra": "nothing here, a file there",
        "k": "a file here, a directory there",
        "l": "a link to b here, to a there",
    }


def test_failure(workplace: Workplace) -> None:
    """A build that fails the second time is a failed build, and no verdict."""
    it = workplace.shell("it", 'if [ "${LANG:-}" ]; then exit 3; fi; echo > /out/out')
    with pytest.raises(BuildFailed):
        _once(workplace, it, round_of(1, 2))
    assert workplace.store.verdicts() == []


def test_proof_holds(workplace: Workplace) -> None:
    """A result that a clean build confirms stays, and the verdict says so."""
    it = workplace.shell("it", SAME)
    before = workplace.realise(it)
    proof = prove(workplace.store, it)
    assert proof.holds
    assert (proof.withdrawn, proof.spoilt) == ((), ())
    assert workplace.realise(it) == before
    assert [verdict.equal for verdict in workplace.store.verdicts()] == [True]


def test_proof_refutes(workplace: Workplace) -> None:
    """A refuted result is withdrawn, the clean one takes its place, and what was built from it is named."""
    fast = workplace.shell("fast", RANDOM)
    user = workplace.shell("user", "cat /fast /fast > /out/out", mounts={"/fast": fast.out})
    last = workplace.shell("last", "cat /user > /out/out; echo >> /out/out", mounts={"/user": user.out})
    before = workplace.realise(fast)["out"].name
    built = {workplace.realise(it)["out"].name for it in (user, last)}
    proof = prove(workplace.store, fast)
    assert not proof.holds
    assert [str(it) for it in proof.withdrawn] == [before]
    assert {str(it) for it in proof.spoilt} == built
    (compared,) = proof.round.outputs
    assert workplace.realise(fast)["out"].name == str(compared.other)
    assert [it.withdrawn for it in workplace.store.verdicts([compared.result])] == [False, True]


def test_proof_of_several_outputs(workplace: Workplace) -> None:
    """Only the outputs that differ are withdrawn; the others stay."""
    it = workplace.shell("it", "echo > /out/out; head -c 9 /dev/urandom > /out/other", outputs=("out", "other"))
    before = workplace.realise(it)
    proof = prove(workplace.store, it)
    after = workplace.realise(it)
    assert before["out"] == after["out"]
    assert [str(path) for path in proof.withdrawn] == [before["other"].name]
    assert before["other"] != after["other"]


def test_verdicts_by_action(workplace: Workplace) -> None:
    """A verdict names the action, so that it counts for every derivation with equal inputs."""
    one = workplace.shell("input", "echo same > /out/out # one")
    other = workplace.shell("input", "echo same > /out/out # another")
    first, second = (workplace.shell("it", "cat /in > /out/out", mounts={"/in": it.out}) for it in (one, other))
    for it in (first, second):
        _once(workplace, it)
    verdicts: list[Verdict] = workplace.store.verdicts()
    assert {it.key for it in verdicts} == {first.key, second.key}
    assert len({it.action for it in verdicts}) == 1
