"""No text and no archive from outside makes more than a named error: a few mutilations of each kind, and found ones.

`python -m tests.hostile.campaign` tries as many as one likes.
"""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import pytest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.errors import Error
from tests.hostile.archives import ARCHIVES
from tests.hostile.mutations import mutated
from tests.hostile.readers import READERS


if TYPE_CHECKING:
    from tests.hostile.readers import Reader


LONGEST_SENTENCE = 100_000
DEEP = 3_000
MANY = "9" * 5_000

FOUND = [
    *(
        pytest.param(name, text, id=f"{name}-{what}")
        for name in ("lock", "pins", "announcement", "snapshot", "drv", "journal", "kbuild-map", "driver-map", "log")
        for what, text in {
            "deep-lists": "[" * DEEP,
            "deep-objects": '{"a":' * DEEP,
            "just-within-pythons-limit": "[" * 900 + "]" * 900,
            "number-of-5000-digits": f'{{"version": {MANY}, "kernix": {MANY}, "journal": {MANY}, "format": {MANY}}}',
            "infinite": '{"version": 1e999, "kernix": 1e999, "journal": 1e999, "format": 1e999}',
            "half-a-pair": r'{"version": 1, "sets": {"\ud800": []}, "packages": {"\udfff": {}}}',
        }.items()
    ),
    pytest.param("log", f'@kernix {{"progress": [{MANY}, 1]}}\n', id="progress-of-5000-digits"),
    pytest.param("log", '@kernix {"progress": [true, -1]}\n@kernix {"progress": [1, 0]}\n', id="progress-below-zero"),
    pytest.param("log", f"@kernix {'[' * DEEP}\n", id="deep-word"),
    pytest.param("pins", json.dumps({"6.1": {"version": "x", "sha256": "y", "longterm": 1}}), id="pins-of-wrong-kinds"),
    pytest.param("pins", json.dumps({"6.1": [1]}), id="pins-that-are-lists"),
    pytest.param("pins", "[1]", id="pins-in-a-list"),
    *(
        pytest.param("config.toml", text, id=f"toml-{what}")
        for what, text in {
            "deep": f"a = {'[' * DEEP}",
            "deep-table": f"{'a.' * DEEP}b = 1",
            "just-within-pythons-limit": f"jobs = {'[' * 200}{']' * 200}",
            "infinite-time": "timeout = inf",
            "infinite-number": "timeout = 1e999",
            "no-number": "timeout = nan",
            "infinite-age": "[gc]\nolder_than = 1e999",
            "age-of-5000-digits": f'[gc]\nolder_than = "{MANY}d"',
            "size-of-5000-digits": f'max_log_size = "{MANY}T"',
            "number-of-5000-digits": f"jobs = {MANY}",
            "number-beyond-64-bits": "retries = 18446744073709551616",
            "keep-for-ever": "[gc.keep]\nsource = inf",
            "date-that-is-none": "jobs = 2024-99-99",
            "url-that-is-none": 'mirrors = ["http://[::1"]',
            "port-that-is-none": 'mirrors = ["http://a:99999999/"]',
            "limits-that-are-none": "limits = 3",
        }.items()
    ),
    pytest.param("c-source", "static struct pci_device_id t[] = { { " + "(" * DEEP + " } };\nMODULE_DEVICE_TABLE(pci, t);",
                 id="deep-expression"),
    pytest.param("c-source", "static struct pci_device_id t[] = { { " + "-" * DEEP + "1 } };\nMODULE_DEVICE_TABLE(pci, t);",
                 id="deep-signs"),
    pytest.param("c-source", "static struct pci_device_id t[] = { { " + "1?" * DEEP + "1 } };\nMODULE_DEVICE_TABLE(pci, t);",
                 id="deep-choice"),
    pytest.param("c-source", f"static struct pci_device_id t[] = {{ {{ {MANY} }} }};\nMODULE_DEVICE_TABLE(pci, t);",
                 id="constant-of-5000-digits"),
    pytest.param(
        "c-source",
        "".join(f"#define A{number} A{number + 1} A{number + 1} A{number + 1}\n" for number in range(40))
        + "static struct pci_device_id t[] = { { A0, A0 }, { A0 } };\nMODULE_DEVICE_TABLE(pci, t);",
        id="macros-that-double",
    ),
]  # fmt: skip
"""What was found, and its siblings."""


def _refused(reader: Reader, data: bytes) -> bool:
    """Return whether *reader* refuses *data*, by an error that can be shown."""
    try:
        reader.read(data)
    except Error as error:
        if len(f"{error}{error.hint}") > LONGEST_SENTENCE:
            raise AssertionError from error
        return True
    return False


@pytest.mark.parametrize("name", READERS)
def test_sound_texts_are_read(name: str) -> None:
    """The texts that the mutilations begin with are sound, so that what is found is what was done to them."""
    reader = READERS[name]
    exempt = {"drv"}  # its inputs are nowhere
    assert name in exempt or [] == [data for data in reader.corpus if _refused(reader, data)]


@pytest.mark.parametrize("name", ARCHIVES)
def test_sound_archives_are_read(name: str) -> None:
    """So are the archives."""
    reader = ARCHIVES[name]
    assert [] == [data for data in reader.corpus if _refused(reader, data)]


@pytest.mark.filterwarnings("ignore::derivations.kconfig.language.grammar.ConfigRemark")
@pytest.mark.parametrize("name", READERS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**64))
def test_texts(name: str, seed: int) -> None:
    """Whatever is done to a text, it is read or refused."""
    reader = READERS[name]
    _refused(reader, mutated(seed, reader.corpus, reader.pieces))


@pytest.mark.parametrize("name", ARCHIVES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**64))
def test_archives(name: str, seed: int) -> None:
    """Whatever is done to an archive, it is unpacked or refused, and nothing comes to lie outside."""
    reader = ARCHIVES[name]
    _refused(reader, mutated(seed, reader.corpus, reader.pieces))


@pytest.mark.parametrize(("name", "text"), FOUND)
def test_what_was_found(name: str, text: str) -> None:
    """What once ended in a traceback or in nothing is read or refused."""
    _refused(READERS[name], text.encode())
