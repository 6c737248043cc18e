"""Do one thing to many items in several threads.

Where the work is the kernel's the interpreter lock is free: a disk that takes a millisecond for
each freed block takes as many at once as there are threads. (`concurrent.futures` does the
same and more; importing it takes longer than opening a store.)
"""

from __future__ import annotations

import contextlib
import threading

from typing import TYPE_CHECKING, Generic, TypeVar

from store.system.interrupt import asked, interruptible


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_parallel(function: Callable[[_Item], _Result], items: Iterable[_Item], workers: int) -> list[_Result]:
    """Return what *function* returns for each of *items*, in their order.

    Once it raises for one, no further item is begun, those that were begun are interrupted, and the error is raised here.
    """
    crew = _Crew(function, list(enumerate(items)), asked())
    count = min(workers, len(crew.queue)) - 1
    threads = [threading.Thread(target=crew.work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        crew.work()
        for thread in threads:
            thread.join()
    except BaseException as error:  # noqa: BLE001  an interrupt, while others were waited for
        crew.errors.append(error)
    for thread in threads:
        thread.join()
    if crew.errors:
        raise crew.errors[0]
    return [crew.results[number] for number in sorted(crew.results)]


class _Crew(Generic[_Item, _Result]):
    """Threads that share one queue of numbered items; *asker* says whether they are to stop."""

    def __init__(
        self, function: Callable[[_Item], _Result], queue: list[tuple[int, _Item]], asker: Callable[[], bool] | None
    ) -> None:
        self.queue = queue[::-1]
        self.results: dict[int, _Result] = {}
        self.errors: list[BaseException] = []
        self._function = function
        self._asker = asker

    def work(self) -> None:
        """Do what nobody else has begun, until nothing is left or something has gone wrong."""
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
