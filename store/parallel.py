"""Do one thing to many items in several threads.

Where the work is the kernel's the interpreter lock is free: a disk that takes a millisecond for
each freed block takes as many at once as there are threads. (`concurrent.futures` does the
same and more; importing it takes longer than opening a store.)
"""

from __future__ import annotations

import threading

from typing import TYPE_CHECKING, TypeVar

from store.interrupt import asked, interruptible


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_parallel(function: Callable[[_Item], _Result], items: Iterable[_Item], workers: int) -> list[_Result]:
    """Return what *function* returns for each of *items*, in their order.

    Once it raises for one, no further item is begun, those that were begun are interrupted, and the error is raised here.
    """
    numbered = list(enumerate(items))
    queue = iter(numbered)
    results: dict[int, _Result] = {}
    errors: list[BaseException] = []

    asker = asked()

    def stop() -> bool:
        return bool(errors) or (asker is not None and asker())

    def work() -> None:
        with interruptible(stop):
            for number, item in _taken(queue, lock):
                try:
                    results[number] = function(item)
                except BaseException as error:  # noqa: BLE001  raised again by the caller's thread
                    errors.append(error)
                if errors:
                    return

    lock = threading.Lock()
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(numbered)) - 1)]
    for thread in threads:
        thread.start()
    try:
        work()
        for thread in threads:
            thread.join()
    except BaseException as error:  # noqa: BLE001  an interrupt, while others were waited for
        errors.append(error)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[number] for number, _ in numbered]


def _taken(queue: Iterator[tuple[int, _Item]], lock: threading.Lock) -> Iterator[tuple[int, _Item]]:
    while True:
        with lock:
            item = next(queue, None)
        if item is None:
            return
        yield item
