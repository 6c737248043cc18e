"""Try a reader on many mutilations: `python -m tests.hostile.campaign READER… [--count N] [--start N]`."""

from __future__ import annotations

import argparse
import collections
import signal
import sys
import time
import traceback

from typing import TYPE_CHECKING, NoReturn

from store.errors import Error
from tests.hostile.archives import ARCHIVES
from tests.hostile.mutations import mutated
from tests.hostile.readers import READERS


if TYPE_CHECKING:
    from types import FrameType


PATIENCE = 20
"""Seconds after which a case counts as one that never ends."""


class Endless(BaseException):
    """A case takes too long."""


def main() -> int:
    """Run what the command line names, and report each kind of fault once, with the seed of its first case."""
    everything = {**READERS, **ARCHIVES}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", default=list(everything))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _endless)
    faults: collections.Counter[str] = collections.Counter()
    for name in options.readers:
        began, outcomes = time.monotonic(), collections.Counter[str]()
        for seed in range(options.start, options.start + options.count):
            data = mutated(seed, everything[name].corpus, everything[name].pieces)
            signal.alarm(PATIENCE)
            try:
                everything[name].read(data)
                outcomes["read"] += 1
            except Error as error:
                outcomes[type(error).__name__] += 1
                _check(error)
            except BaseException as error:  # noqa: BLE001 -- that is what is looked for
                place = traceback.extract_tb(error.__traceback__)[-1]
                fault = f"{name}: {type(error).__name__} at {place.filename}:{place.lineno}: {str(error)[:100]}"
                if not faults[fault]:
                    print(f"seed {seed}: {fault}", flush=True)  # noqa: T201 -- it is a command
                faults[fault] += 1
            finally:
                signal.alarm(0)
        print(name, dict(outcomes), f"{time.monotonic() - began:.1f} s", flush=True)  # noqa: T201 -- as above
    return 1 if faults else 0


def _check(error: Error) -> None:
    sentence, hint = str(error), error.hint
    assert len(sentence) + len(hint or "") < 100_000, f"{type(error).__name__} is {len(sentence)} characters long"


def _endless(_: int, __: FrameType | None) -> NoReturn:
    raise Endless


if __name__ == "__main__":
    sys.exit(main())
