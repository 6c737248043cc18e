"""Tests for derivations.realise.network.http_response; how a download goes on after each answer is in test_download."""

from __future__ import annotations

import ssl

import pytest
import requests
import urllib3

from derivations.realise.network.http_response import (
    NotContinued,
    TryFailed,
    explain,
    is_complete,
    place_in_file,
    validator,
)


def answer(status: int, **headers: str) -> requests.Response:
    it = requests.Response()
    it.status_code = status
    it.reason = "Reason"
    it.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return it


@pytest.mark.parametrize(
    ("it", "offset", "place"),
    [
        pytest.param(answer(200, Content_Length="9"), 0, (0, 9), id="whole"),
        pytest.param(answer(200, Content_Length="9"), 5, (0, 9), id="whole-instead-of-the-rest"),
        pytest.param(answer(200), 0, (0, None), id="no-length"),
        pytest.param(answer(206, Content_Range="bytes 5-8/9"), 5, (5, 9), id="rest"),
        pytest.param(answer(206, Content_Range="bytes 5-8/*"), 5, (5, None), id="rest-of-unknown-length"),
    ],
)
def test_offsets(it: requests.Response, offset: int, place: tuple[int, int | None]) -> None:
    """A valid response gives the offset of its bytes."""
    assert place == place_in_file(it, offset)


@pytest.mark.parametrize(
    "it",
    [
        pytest.param(answer(206, Content_Range="bytes 4-8/9"), id="another-part"),
        pytest.param(answer(206), id="no-range"),
        pytest.param(answer(206, Content_Range="bytes 5-8/\N{FULLWIDTH DIGIT NINE}"), id="other-digits"),
        pytest.param(answer(416, Content_Range="bytes */4"), id="shorter"),
    ],
)
def test_another_part_is_not_continued(it: requests.Response) -> None:
    """A part other than the requested one is refused, and may be retried."""
    with pytest.raises(NotContinued) as caught:
        place_in_file(it, 5)
    assert caught.value.transient


def test_a_failure_keeps_the_servers_answer() -> None:
    """Status, reason and `Retry-After` are kept."""
    with pytest.raises(TryFailed) as caught:
        place_in_file(answer(503, Retry_After="7"), 0)
    assert (
        caught.value.message,
        caught.value.transient,
        caught.value.status,
        caught.value.floor,
    ) == ("503 Reason", True, 503, 7)


def test_a_complete_file_is_recognised() -> None:
    """If the file ends at the offset, it is complete."""
    assert is_complete(answer(416, Content_Range="bytes */5"), 5)
    assert not is_complete(answer(416), 5)
    assert not is_complete(answer(200, Content_Range="bytes */5"), 5)


@pytest.mark.parametrize(
    ("it", "condition"),
    [
        pytest.param(answer(200, ETag='"x"', Last_Modified="d"), '"x"', id="tag"),
        pytest.param(answer(200, ETag='W/"x"', Last_Modified="d"), "d", id="weak-tag"),
        pytest.param(answer(200, ETag='W/"x"'), None, id="nothing"),
    ],
)
def test_only_a_strong_tag_or_a_date_is_a_condition(it: requests.Response, condition: str | None) -> None:
    """Whatever is sent as `If-Range` must identify exact bytes."""
    assert condition == validator(it)


def certificate() -> requests.exceptions.SSLError:
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed")
    inner.verify_message = "self-signed certificate"
    return requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(None, "/?secret", inner))  # type: ignore[arg-type]  # no pool


@pytest.mark.parametrize(
    ("error", "said", "transient"),
    [
        pytest.param(certificate(), "its certificate is invalid (self-signed certificate)", False, id="certificate"),
        pytest.param(requests.TooManyRedirects("/?secret"), "too many redirects", False, id="circle"),
        pytest.param(requests.ConnectTimeout("/?secret"), "no connection within 15 seconds", True, id="connect"),
        pytest.param(requests.ReadTimeout("/?secret"), "no response within 30 seconds", True, id="read"),
        pytest.param(requests.ConnectionError("/?secret"), "the connection was cut", True, id="cut"),
        pytest.param(
            requests.ConnectionError(
                urllib3.exceptions.ProtocolError("/?secret", ConnectionResetError(104, "Connection reset by peer"))
            ),
            "connection reset by peer",
            True,
            id="reset",
        ),
    ],
)
def test_errors_do_not_show_the_url(error: Exception, said: str, transient: bool) -> None:
    """Failures are described without any part of the URL."""
    it = explain(error, (15, 30))
    assert (said, transient) == (it.message, it.transient)
