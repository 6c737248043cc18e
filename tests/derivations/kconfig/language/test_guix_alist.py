"""Guix' association lists: read in any form, and nothing else."""

from __future__ import annotations

import pytest

from derivations.kconfig.language.grammar import parse
from derivations.kconfig.language.guix_alist import is_alist
from derivations.kconfig.language.values import MODULE, NO, YES, Value


GUIDE = """\
(define %default-extra-linux-options
  `(;; https://lists.gnu.org/archive/html/guix-devel/2014-04/msg00039.html
   ("CONFIG_DEVPTS_MULTIPLE_INSTANCES" . #t)
   ;; Modules required for initrd:
   ("CONFIG_NET_9P" . m)
   ("CONFIG_NET_9P_VIRTIO" . m)
   ("CONFIG_VIRTIO_BLK" . m)
   ("CONFIG_VIRTIO_NET" . m)
   ("CONFIG_VIRTIO_PCI" . m)
   ("CONFIG_VIRTIO_BALLOON" . m)
   ("CONFIG_VIRTIO_MMIO" . m)
   ("CONFIG_FUSE_FS" . m)
   ("CONFIG_CIFS" . m)
   ("CONFIG_9P_FS" . m)))
"""


def test_the_guide_s_list() -> None:
    """The list in the guide to custom kernels is read unchanged, each pair with its line."""
    reading = parse(GUIDE)

    assert reading.problems == []
    assert (reading.assignments[0].option, reading.assignments[0].value) == ("DEVPTS_MULTIPLE_INSTANCES", YES)
    assert {it.value for it in reading.assignments[1:]} == {MODULE}
    assert [it.line for it in reading.assignments] == [3, *range(5, 15)]
    assert reading.assignments[-1].option == "9P_FS"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        pytest.param('(("CONFIG_A" . #t))', YES, id="true"),
        pytest.param('(("CONFIG_A" . #true))', YES, id="long-true"),
        pytest.param('\'(("CONFIG_A" . #f))', NO, id="false"),
        pytest.param('("CONFIG_A" . m)', MODULE, id="no-outer-list"),
        pytest.param('(list \'("CONFIG_A" . m))', MODULE, id="list"),
        pytest.param('`(("CONFIG_A" . \'m))', MODULE, id="quoted-symbol"),
        pytest.param('(("CONFIG_A" . "a \\"b\\" ; c"))', 'a "b" ; c', id="text"),
        pytest.param('(("CONFIG_A" . 17))', 17, id="number"),
        pytest.param('; first\n(("CONFIG_A" . m)) ; last', MODULE, id="comments"),
    ],
)
def test_values(source: str, value: Value) -> None:
    """Each of Guix' values is read."""
    reading = parse(source)

    assert reading.problems == []
    assert [(it.option, it.value) for it in reading.assignments] == [("A", value)]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        pytest.param('(("BPF_UNPRIV_DEFAULT_OFF" . #t))', "write CONFIG_BPF_UNPRIV_DEFAULT_OFF", id="no-prefix"),
        pytest.param('(("CONFIG_CONFIG_A" . m))', "has the prefix CONFIG_ twice", id="prefix-twice"),
        pytest.param('(("CONFIG_A" . y))', "'y' is not #t, m, #f, a number or a string", id="y"),
        pytest.param('(("CONFIG_A" . "a\nb"))', "does not fit in one line", id="newline-in-text"),
        pytest.param('(("CONFIG_A" . m) ("CONFIG_A" . #t))', "CONFIG_A is listed twice", id="twice"),
        pytest.param('(("CONFIG_A" . m)', "unbalanced parentheses", id="cut-off"),
        pytest.param('(("CONFIG_A" . m) ("CONFIG_', "'\"' is not a pair", id="cut-off-in-a-text"),
        pytest.param("(append %efi-support)", "'append' is not a pair", id="computed"),
        pytest.param('(("CONFIG_A" m))', "is not a pair", id="no-dot"),
    ],
)
def test_invalid_lists(source: str, problem: str) -> None:
    """What Guix would drop or compute is a problem."""
    assert any(problem in it for it in parse(source).problems)


@pytest.mark.parametrize("source", ["CONFIG_A=y", "# (", "", "\n", 'CONFIG_A="("'])
def test_what_is_a_config(source: str) -> None:
    """Lines of a `.config` are not mistaken for a list."""
    assert not is_alist(source)
