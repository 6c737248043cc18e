"""The configuration file, read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from derivations.realise.kept.policy import KeepPolicy
from derivations.realise.sandbox.bounds import Bounds
from kernix.config_file import Configuration, InvalidConfiguration, parse
from store.gc.retention import Retention


FILE = Path("/somewhere/config.toml")

EVERYTHING = """
jobs = 2
cores = 0
fetches = 8
keep_going = true
keep_failed = true
offline = true
kvm = true
timeout = "2h"
max_silent_time = 90
max_log_size = "1M"
retries = 0
connect_timeout = 5
read_timeout = 2.5
mirrors = ["http://127.0.0.1/debian"]
kernel_mirrors = ["https://127.0.0.1/linux"]
compile_cache = "ccache"
compile_cache_size = "2G"

[limits]
max_download_size = "1G"
processes = 100
memory = "2G"
tmpfs = 0
free_space = "1G"

[kept]
enabled = false
max_size = "20 GiB"
max_age = "30d"
prove = 0.25

[gc]
older_than = "14d"
max_freed = "5G"

[gc.keep]
source = "30d"
result = 0

[gc.logs]
older_than = "1w"
max_size = "10M"
"""


def test_everything_can_be_set() -> None:
    """Each setting is read, units included."""
    assert parse(EVERYTHING, FILE) == Configuration(
        settings={
            "jobs": 2,
            "cores": 0,
            "fetches": 8,
            "keep_going": True,
            "keep_failed": True,
            "offline": True,
            "kvm": True,
            "timeout": 7200.0,
            "max_silent_time": 90.0,
            "max_log_size": 2**20,
            "retries": 0,
            "connect_timeout": 5.0,
            "read_timeout": 2.5,
            "mirrors": ("http://127.0.0.1/debian",),
            "kernel_mirrors": ("https://127.0.0.1/linux",),
            "compile_cache": "ccache",
            "compile_cache_size": 2 << 30,
            "max_download_size": 2**30,
            "kept": KeepPolicy(enabled=False, max_size=20 << 30, max_age=30 * 86_400.0, prove=0.25),
            "bounds": Bounds(processes=100, memory=2 << 30, tmpfs=0, free_space=1 << 30),
        },
        collection={
            "older_than": 14 * 86_400,
            "max_freed": 5 * 2**30,
            "keep": {Retention.SOURCE: 30 * 86_400, Retention.RESULT: 0},
        },
        logs={"older_than": 7 * 86_400, "max_size": 10 * 2**20},
    )


def test_nothing_need_be_set() -> None:
    """An empty file changes nothing."""
    assert Configuration() == parse("", FILE)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("job = 2", "unknown setting `job`, did you mean `jobs`?", id="unknown"),
        pytest.param('compile_cache = "sccache"', """compile_cache: expected "ccache", got 'sccache'""", id="cache"),
        pytest.param("[gcc]", "unknown setting `gcc`, did you mean `gc`?", id="unknown-table"),
        pytest.param(
            "[gc]\nmax_fred = 1", "unknown setting `gc.max_fred`, did you mean `max_freed`?", id="unknown-in-gc"
        ),
        pytest.param("[gc.keep]\nsauce = 1", "unknown setting `gc.keep.sauce`, did you mean `source`?", id="class"),
        pytest.param(
            "[gc.logs]\nmax_sise = 1", "unknown setting `gc.logs.max_sise`, did you mean `max_size`?", id="log"
        ),
        pytest.param(
            "[limits]\nprocess = 1", "unknown setting `limits.process`, did you mean `processes`?", id="unknown-limit"
        ),
        pytest.param(
            "[limits]\nmemory = true",
            'limits.memory: expected bytes or a string like "5G", got True',
            id="bool-for-size",
        ),
        pytest.param(
            "[kept]\nenabeld = true", "unknown setting `kept.enabeld`, did you mean `enabled`?", id="unknown-kept"
        ),
        pytest.param("[kept]\nenabled = 1", "kept.enabled: expected true or false, got 1", id="kept-flag"),
        pytest.param(
            '[kept]\nmax_size = "much"', "kept.max_size: invalid size 'much', write it as 500M or 5G", id="kept-size"
        ),
        pytest.param(
            "[kept]\nmax_age = -1", 'kept.max_age: expected seconds or a string like "12h", got -1', id="kept-age"
        ),
        pytest.param("[kept]\nprove = 10", "kept.prove: expected a number from 0 to 1, got 10", id="kept-prove"),
        pytest.param(
            "[kept]\nprove = true", "kept.prove: expected a number from 0 to 1, got True", id="kept-prove-flag"
        ),
        pytest.param("kept = 3", "kept: expected a table, got 3", id="kept-table"),
        pytest.param("jobs = 0", "jobs: expected a number of at least 1, got 0", id="too-small"),
        pytest.param("jobs = true", "jobs: expected a number of at least 1, got True", id="bool-for-number"),
        pytest.param("offline = 1", "offline: expected true or false, got 1", id="number-for-bool"),
        pytest.param('timeout = "soon"', "timeout: invalid time 'soon', write it as 30m, 12h or 14d", id="time"),
        pytest.param("timeout = -1", 'timeout: expected seconds or a string like "12h", got -1', id="negative"),
        pytest.param('mirrors = "http://a"', "mirrors: expected a list of URLs, got 'http://a'", id="no-list"),
        pytest.param('mirrors = ["a"]', "mirrors: not a URL: 'a'", id="no-url"),
        pytest.param("gc = 3", "gc: expected a table, got 3", id="no-table"),
        pytest.param("[gc]\nmax_freed = []", 'gc.max_freed: expected bytes or a string like "5G", got []', id="size"),
    ],
)
def test_unknown_settings_are_errors(text: str, problem: str) -> None:
    """An unknown name or invalid value is reported, with a suggestion."""
    with pytest.raises(InvalidConfiguration) as caught:
        parse(text, FILE)
    assert InvalidConfiguration(FILE, (problem,)).problems == caught.value.problems


def test_all_problems_are_reported_at_once() -> None:
    """Two mistakes are reported together."""
    with pytest.raises(InvalidConfiguration) as caught:
        parse("jobs = 0\nofline = true", FILE)
    assert len(caught.value.problems) == 2


def test_invalid_toml_is_an_error() -> None:
    """A text that is not TOML is reported as such."""
    with pytest.raises(InvalidConfiguration, match=r"config.toml: not TOML: invalid value"):
        parse("jobs =", FILE)
