"""Whose signatures are believed, and for what."""

from __future__ import annotations

import enum

from typing import TYPE_CHECKING

import attrs

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.signing.keys import PublicKey, Signature


MAX_SIGNATURES = 64
"""How many signatures of one message are looked at: whoever sends more wants to keep us busy."""

_SHOWN = 5


class Purpose(enum.StrEnum):
    """What a key is trusted for.

    An object is checked against its digest anyway; a signature of it says that its name, references and sizes
    are right. A result says that an action has this output, which nobody can check without running it again.
    """

    OBJECTS = "objects"
    RESULTS = "results"


class Untrusted(Error):
    """No signature of a message is believed.

    Attributes:
        subject: What the message is about.
        reasons: Why not, one for each signature.
        names: The names of the keys in question.
    """

    subject: str
    reasons: tuple[str, ...]
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown, more = self.reasons[:_SHOWN], len(self.reasons) - _SHOWN
        return f"{self.subject} is not trusted: {'; '.join(shown)}{f'; and {more} more' if more > 0 else ''}"

    @property
    def hint(self) -> str:
        """Name the command that trusts a key."""
        return "`kernix key trust` trusts the key of somebody you know; `kernix key list` shows those that are trusted"


@attrs.frozen(kw_only=True)
class Trust:
    """The keys that are trusted, by purpose.

    Attributes:
        objects: Keys trusted for objects.
        results: Keys trusted for results.
    """

    objects: tuple[PublicKey, ...] = ()
    results: tuple[PublicKey, ...] = ()

    def keys(self, purpose: Purpose) -> tuple[PublicKey, ...]:
        """Return the keys that are trusted for *purpose*."""
        return self.objects if purpose is Purpose.OBJECTS else self.results

    def check(
        self, message: bytes, signatures: Sequence[Signature], purpose: Purpose, *, subject: str = "the message"
    ) -> PublicKey:
        """Return the key that is trusted for *purpose* and signed *message*: one good signature is enough.

        Args:
            message: The bytes that were signed. They name their format, so a signature of one kind is none of another.
            signatures: What came with it.
            purpose: What the message would be believed for.
            subject: What it is about, for the error.

        Raises:
            Untrusted: there is no such signature.
        """
        if not signatures:
            raise Untrusted(subject, ("it has no signature",))
        if len(signatures) > MAX_SIGNATURES:
            raise Untrusted(subject, (f"it has {len(signatures)} signatures, more than {MAX_SIGNATURES}",))
        reasons = []
        for signature in signatures:
            known = [key for key in (*self.keys(purpose), *self._others(purpose)) if key.name == signature.key]
            good = next((key for key in known if key.verify(message, signature)), None)
            if good is not None and good in self.keys(purpose):
                return good
            reasons.append(_reason(signature, purpose, known=bool(known), good=good is not None))
        raise Untrusted(subject, tuple(dict.fromkeys(reasons)), tuple(dict.fromkeys(it.key for it in signatures)))

    def _others(self, purpose: Purpose) -> tuple[PublicKey, ...]:
        """Return the keys that are trusted, but not for *purpose*."""
        chosen = self.keys(purpose)
        return tuple(key for key in (*self.objects, *self.results) if key not in chosen)


def _reason(signature: Signature, purpose: Purpose, *, known: bool, good: bool) -> str:
    if not known:
        return f"the key `{signature.key}`, which signed it, is unknown"
    if not good:
        return f"its signature by the key `{signature.key}` is bad"
    return f"the key `{signature.key}`, which signed it, is not trusted for {purpose}"
