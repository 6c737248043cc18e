"""Apply a function to many items in several threads.

The interpreter lock is free while the kernel works: on a disk that takes a millisecond to free
a block, as many blocks are freed at once as there are threads. (`concurrent.futures` does the
same and more, but importing it takes longer than opening a store.)
"""

from __future__ import annotations

import contextlib
import threading

from typing import TYPE_CHECKING, Generic, TypeVar

from store.osutil.interrupt import current_check, interruptible


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_parallel(function: Callable[[_Item], _Result], items: Iterable[_Item], workers: int) -> list[_Result]:
    """Return the results of *function* for *items*, in their order.

    Once it raises for one, no further item is begun, running ones are interrupted, and the error is raised here.
    """
    crew = _Crew(function, list(enumerate(items)), current_check())
    count = min(workers, len(crew.queue)) - 1
    threads = [threading.Thread(target=crew.work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        crew.work()
        for thread in threads:
            thread.join()
    except BaseException as error:  # noqa: BLE001  an interrupt, while waiting for others
        crew.errors.append(error)
    for thread in threads:
        thread.join()
    if crew.errors:
        raise crew.errors[0]
    return [crew.results[number] for number in sorted(crew.results)]


class _Crew(Generic[_Item, _Result]):
    """Threads that share a queue of numbered items; *asker* says whether to stop."""

    def __init__(
        self, function: Callable[[_Item], _Result], queue: list[tuple[int, _Item]], asker: Callable[[], bool] | None
    ) -> None:
        self.queue = queue[::-1]
        self.results: dict[int, _Result] = {}
        self.errors: list[BaseException] = []
        self._function = function
        self._asker = asker

    def work(self) -> None:
        """Process items until the queue is empty or one has failed."""
        with interruptible(self._stops), contextlib.suppress(IndexError):
            while not self.errors:
                number, item = self.queue.pop()
                self._do(number, item)

    def _do(self, number: int, item: _Item) -> None:
        try:
            self.results[number] = self._function(item)
        except BaseException as error:  # noqa: BLE001  raised again by the caller's thread
            self.errors.append(error)

    def _stops(self) -> bool:
        return bool(self.errors) or (self._asker is not None and self._asker())
