"""Telling apart a function that fails from one that cannot be called so."""

from __future__ import annotations


def was_refused(error: TypeError) -> bool:
    """Return whether *error*, caught around one call, says that the arguments do not fit, and not that the function failed.

    Then nothing of the function has run, and its author's file is in no traceback: the error must say whose it is.
    """
    return error.__traceback__ is not None and error.__traceback__.tb_next is None
