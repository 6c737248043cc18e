"""The context: the lock and the system that definitions are evaluated with."""

from __future__ import annotations

import threading

import pytest

from derivations.context import Context, NoContext, current, using
from tests.fakes import fake_context, no_context


def test_without_one() -> None:
    """Without a context there is an error, with a hint that says how to provide one."""
    with pytest.raises(NoContext) as caught:
        current()

    assert "using(Context(lock=...))" in (caught.value.hint or "")


def test_inside_the_block() -> None:
    """The innermost context applies, and afterwards the outer one, even after an error."""
    outer, inner = fake_context(), fake_context("aarch64-linux")
    with using(outer):
        with using(inner):
            assert current() is inner
        with pytest.raises(ZeroDivisionError), using(inner):
            raise ZeroDivisionError
        assert current() is outer
    with pytest.raises(NoContext):
        current()


def test_the_lock_is_not_asked_for() -> None:
    """Using a context does not read its lock."""
    with using(no_context()):
        assert current().system == "x86_64-linux"


def test_threads_do_not_see_it() -> None:
    """A context applies only in the thread that entered it."""
    seen: list[Context | NoContext] = []

    def look() -> None:
        try:
            seen.append(current())
        except NoContext as error:
            seen.append(error)

    with using(fake_context()):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    assert [type(it) for it in seen] == [NoContext]
