"""Distinguish a function that fails from one that was called with the wrong arguments."""

from __future__ import annotations


def arguments_do_not_fit(error: TypeError) -> bool:
    """Return whether *error*, caught around a call, means that the arguments do not fit, not that the function failed.

    In that case the function has not run, and the traceback does not show its file: the error must name the function.
    """
    return error.__traceback__ is not None and error.__traceback__.tb_next is None
