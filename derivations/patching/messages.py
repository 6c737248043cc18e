"""Split a patch file into messages: mails are split and decoded as in `git am`.

A mailbox is a sequence of mails, each after a line `From <sender> <date>`, as written by `git format-patch` and
patchwork. A mail's body may be quoted-printable or base64, or have several parts (RFC 2045 to 2047).
Any other file is one message, unchanged.
"""

from __future__ import annotations

import email
import email.errors
import email.header
import email.policy
import re

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message as Mail


_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_FROM = re.compile(rb"From \S+.*[0-9]{1,2}:[0-9]{2}:[0-9]{2} .*[0-9]{4}.*\r?\n?", re.ASCII)
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:[ \t\r\n]")
_HEADER_LINE = re.compile(rb"[!-9;-~]+:|>?From |[ \t]+\S")
"""A header of any name (RFC 5322, 2.2), or a continuation line; the first other line ends the headers."""

_FIRST_HEADER = re.compile(
    rb"(?:From|Subject|Date|To|Cc|Message-ID|Return-Path|Received|MIME-Version|Delivered-To|DKIM-Signature|"
    rb"Content-[A-Za-z-]+|List-[A-Za-z-]+|X-[A-Za-z-]+):[ \t\r\n]",
    re.IGNORECASE,
)
_LONGEST = 400
"""The longest line that begins a mail, in bytes: a sender (RFC 5321, 4.5.3.1) and a date."""

_PREFIX = re.compile(r"\A(?:\s*\[[^\]]*\])+\s*")


@attrs.frozen
class Message:
    """One mail, or a whole file that is not a mail.

    Attributes:
        title: Its subject, without prefixes in brackets.
        lines: The lines of its body, with their line endings.
        first: The number of the body's first line in the file.
        flowed: Whether it was sent as `format=flowed` (RFC 3676), where mailers remove and add spaces.
    """

    title: str
    lines: tuple[bytes, ...]
    first: int = 1
    flowed: bool = False


def lines_of(data: bytes) -> list[bytes]:
    """Return the lines of *data* with their line endings; only a line feed ends a line."""
    return _LINE.findall(data)


def messages(data: bytes) -> list[Message]:
    """Return the messages in *data*, in order."""
    lines = lines_of(data)
    starts = [number for number, line in enumerate(lines) if _begins_mail(lines, number, line)]
    if not starts or any(line.strip() for line in lines[: starts[0]]):
        first = next((number for number, line in enumerate(lines) if line.strip()), 0)
        if lines and _FIRST_HEADER.match(lines[first]):
            return list(_read(lines[first:], first + 1))
        return [Message("", tuple(lines))]
    ends = [*starts[1:], len(lines)]
    return [it for start, end in zip(starts, ends, strict=True) for it in _read(lines[start + 1 : end], start + 2)]


def _begins_mail(lines: list[bytes], number: int, line: bytes) -> bool:
    follows = lines[number + 1] if number + 1 < len(lines) else b""
    begins = line.startswith(b"From ") and len(line) <= _LONGEST and _FROM.fullmatch(line)
    return bool(begins) and bool(_HEADER.match(follows))


def _read(lines: list[bytes], first: int) -> Iterator[Message]:
    """Yield the decoded body of the mail in *lines*; *first* is the number of its first line in the file."""
    end = next((number for number, line in enumerate(lines) if not _HEADER_LINE.match(line)), len(lines))
    body = end + 1 if end < len(lines) and not lines[end].strip() else end
    mail = email.message_from_bytes(b"".join(lines[:end]), policy=email.policy.compat32)
    title = _title(mail)
    encoding = str(mail.get("Content-Transfer-Encoding", "")).strip().lower()
    if mail.get_content_maintype() != "multipart" and encoding not in {"quoted-printable", "base64"}:
        yield Message(title, tuple(lines[body:]), first + body, _is_flowed(mail))
        return
    whole = email.message_from_bytes(b"".join(lines), policy=email.policy.compat32)
    for part in whole.walk():
        if not part.is_multipart() and (text := _decoded(part)):
            yield Message(title, tuple(lines_of(text)), flowed=_is_flowed(part))


def _is_flowed(mail: Mail) -> bool:
    return str(mail.get_param("format", "")).lower() == "flowed"


def _decoded(part: Mail) -> bytes:
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, email.errors.MessageError):
        return b""
    return payload if isinstance(payload, bytes) else b""


def _title(mail: Mail) -> str:
    raw = mail.get("Subject", "")
    try:
        text = str(email.header.make_header(email.header.decode_header(str(raw))))
    except (ValueError, LookupError, email.errors.MessageError):
        text = str(raw)
    text = " ".join(text.split())
    return "".join(it for it in _PREFIX.sub("", text) if it.isprintable())
