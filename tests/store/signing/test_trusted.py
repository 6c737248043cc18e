"""Whose signatures are believed, and for what."""

from __future__ import annotations

import pytest

from store.signing.keys import PublicKey, SecretKey, Signature
from store.signing.trusted import MAX_SIGNATURES, Purpose, Trust, Untrusted


BUILDER = SecretKey("builder", bytes([1] * 32))
MIRROR = SecretKey("mirror", bytes([2] * 32))
STRANGER = SecretKey("stranger", bytes([3] * 32))
IMPOSTOR = SecretKey("builder", bytes([4] * 32))

TRUST = Trust(objects=(MIRROR.public, BUILDER.public), results=(BUILDER.public,))
MESSAGE = b"test 1\nlinux\n"


def check(signatures: list[Signature], purpose: Purpose = Purpose.RESULTS, message: bytes = MESSAGE) -> PublicKey:
    """Check *signatures* of *message* with `TRUST`."""
    return TRUST.check(message, signatures, purpose, subject="linux")


def refused(signatures: list[Signature], purpose: Purpose = Purpose.RESULTS, message: bytes = MESSAGE) -> Untrusted:
    """Return the error of checking *signatures*."""
    with pytest.raises(Untrusted) as caught:
        check(signatures, purpose, message)
    return caught.value


def test_trusted_for_both() -> None:
    """A key that is trusted for both purposes is believed for both."""
    for purpose in Purpose:
        assert check([BUILDER.sign(MESSAGE)], purpose) == BUILDER.public


def test_trusted_for_objects_alone() -> None:
    """A key that is trusted for objects is believed for them, and not for results."""
    assert check([MIRROR.sign(MESSAGE)], Purpose.OBJECTS) == MIRROR.public

    error = refused([MIRROR.sign(MESSAGE)])
    assert error.reasons == ("the key `mirror`, which signed it, is not trusted for results",)
    assert error.names == ("mirror",)


def test_no_signature() -> None:
    """What is not signed is refused."""
    assert str(refused([])) == "linux is not trusted: it has no signature"


def test_unknown_key() -> None:
    """What a stranger signed is refused, and the stranger is named."""
    assert refused([STRANGER.sign(MESSAGE)]).reasons == ("the key `stranger`, which signed it, is unknown",)


def test_another_key_of_the_same_name() -> None:
    """A signature by another key that has the name of a trusted one is bad."""
    assert refused([IMPOSTOR.sign(MESSAGE)]).reasons == ("its signature by the key `builder` is bad",)


def test_a_changed_message() -> None:
    """A signature of another message is bad."""
    error = refused([BUILDER.sign(MESSAGE)], message=MESSAGE + b"\n")
    assert error.reasons == ("its signature by the key `builder` is bad",)


def test_a_signature_under_another_name() -> None:
    """A good signature that carries the name of another trusted key is bad: nothing but the named key is tried."""
    assert "bad" in refused([Signature("mirror", BUILDER.sign(MESSAGE).raw)], Purpose.OBJECTS).reasons[0]


def test_bad_for_the_other_purpose() -> None:
    """A bad signature by a key that is trusted for the other purpose is called bad."""
    error = refused([Signature("mirror", bytes(64))])
    assert error.reasons == ("its signature by the key `mirror` is bad",)


def test_one_good_signature_is_enough() -> None:
    """Signatures that are bad or by strangers do not spoil a good one."""
    others = [STRANGER.sign(MESSAGE), IMPOSTOR.sign(MESSAGE), MIRROR.sign(MESSAGE)]

    assert check([*others, BUILDER.sign(MESSAGE)]) == BUILDER.public
    assert len(refused(others).reasons) == 3


def test_no_key_is_trusted() -> None:
    """Without trusted keys nothing is believed."""
    with pytest.raises(Untrusted):
        Trust().check(MESSAGE, [BUILDER.sign(MESSAGE)], Purpose.OBJECTS)


def test_two_keys_of_one_name() -> None:
    """Of two trusted keys with one name, the one that made the signature is returned."""
    trust = Trust(objects=(IMPOSTOR.public, BUILDER.public))

    assert trust.check(MESSAGE, [BUILDER.sign(MESSAGE)], Purpose.OBJECTS) == BUILDER.public


def test_very_many_signatures() -> None:
    """More signatures than anybody needs are not even checked."""
    error = refused([BUILDER.sign(MESSAGE)] * (MAX_SIGNATURES + 1))
    assert error.reasons == (f"it has {MAX_SIGNATURES + 1} signatures, more than {MAX_SIGNATURES}",)


def test_a_long_story_is_cut() -> None:
    """The sentence names five reasons, and counts the others."""
    error = refused([SecretKey(f"s{number}", bytes([9] * 32)).sign(MESSAGE) for number in range(9)])

    assert len(error.reasons) == 9
    assert str(error).endswith("the key `s4`, which signed it, is unknown; and 4 more")
