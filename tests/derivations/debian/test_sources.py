"""Tests for derivations.debian.sources."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.debian.sources import Source, parse_lines, parse_stanzas, write


KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

BOOKWORM = Source(uri="http://m.test/debian", suite="bookworm", components=("main", "contrib"))


@pytest.mark.parametrize(
    ("line", "source"),
    [
        pytest.param("deb http://m.test/debian bookworm main contrib", BOOKWORM, id="plain"),
        pytest.param("  deb\thttp://m.test/debian   bookworm main contrib # mine", BOOKWORM, id="blanks-and-comment"),
        pytest.param(
            f"deb [ arch=amd64,arm64 signed-by={KEYRING} ] http://m.test/debian sid main",
            Source(
                uri="http://m.test/debian",
                suite="sid",
                components=("main",),
                options={"Architectures": "amd64,arm64", "signed-by": KEYRING},
            ),
            id="options",
        ),
        pytest.param(
            "deb [arch+=armhf lang-=de] http://m.test/debian sid main",
            Source(
                uri="http://m.test/debian",
                suite="sid",
                components=("main",),
                options={"Architectures-Add": "armhf", "Languages-Remove": "de"},
            ),
            id="more-and-less",
        ),
        pytest.param("deb https://f.test/foo ./", Source(uri="https://f.test/foo", suite="./"), id="flat"),
        pytest.param(
            "deb cdrom:[Debian GNU/Linux 12 _x_ - DVD]/ bookworm main",
            Source(uri="cdrom:[Debian GNU/Linux 12 _x_ - DVD]/", suite="bookworm", components=("main",)),
            id="disc",
        ),
        pytest.param("deb-src http://m.test/debian bookworm main", None, id="sources"),
        pytest.param("# deb http://m.test/debian bookworm main", None, id="comment"),
        pytest.param("", None, id="empty"),
        pytest.param("deb", None, id="nothing"),
    ],
)
def test_lines(line: str, source: Source | None) -> None:
    """A line contains one source, or none."""
    assert parse_lines(line) == ([source] if source is not None else [])


STANZAS = f"""\
# the machine's
Types: deb deb-src
URIs: http://m.test/debian
# in the middle
 https://n.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: {KEYRING}

Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: sid
Components: main


types: deb
uris: http://k.test/debian
suites: ./
trusted: yes
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb-src
URIs: http://src.test/debian
Suites: sid
Components: main
"""


def test_stanzas() -> None:
    """A stanza is one source per URI and suite; an embedded key is kept unchanged."""
    found = parse_stanzas(STANZAS)
    assert [str(it) for it in found] == [
        "http://m.test/debian bookworm",
        "http://m.test/debian bookworm-updates",
        "https://n.test/debian bookworm",
        "https://n.test/debian bookworm-updates",
        "http://k.test/debian ./",
    ]
    assert dict(found[0].options) == {"Signed-By": KEYRING}
    assert found[-1].options["signed-by"].splitlines()[1:3] == [" -----BEGIN PGP PUBLIC KEY BLOCK-----", " ."]
    assert [it.unchecked for it in found] == [False] * 4 + [True]
    assert parse_stanzas(write(found)) == found


@pytest.mark.parametrize(
    ("options", "unchecked"),
    [
        ("trusted=yes", True),
        ("trusted=1", True),
        ("allow-insecure=yes", True),
        ("Allow-Weak=true", True),
        ("allow-downgrade-to-insecure=on", True),
        ("trusted=no", False),
        ("allow-insecure=0", False),
        ("arch=amd64", False),
    ],
)
def test_unchecked_sources(options: str, unchecked: bool) -> None:
    """A source can disable its signature check in several ways; it has a checked and a trusted form."""
    (source,) = parse_lines(f"deb [{options}] http://m.test/debian x main")
    assert (unchecked, False, True) == (source.unchecked, source.checked.unchecked, source.trusted.unchecked)
    assert (source.checked == source) is not unchecked


def test_passwords_are_not_shown() -> None:
    """A source's name omits user and password, as in apt."""
    assert "http://m.test/debian sid" == str(Source(uri="http://me:secret@m.test/debian/", suite="sid"))


WORDS = st.text("abc/:.+-_~%[]@", min_size=1, max_size=12).filter(lambda it: not it.startswith(("[", "#")))
SOURCES = st.builds(
    Source,
    uri=WORDS,
    suite=WORDS,
    components=st.lists(WORDS, max_size=3).map(tuple),
    options=st.dictionaries(st.sampled_from(["Signed-By", "Architectures", "Trusted", "By-Hash"]), WORDS),
)


@given(st.lists(SOURCES, max_size=4))
def test_round_trip(sources: list[Source]) -> None:
    """Written stanzas are read back unchanged."""
    assert parse_stanzas(write(sources)) == sources


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    """Any text can be read; what is not a source is ignored."""
    assert all(it.uri and it.suite for it in (*parse_lines(text), *parse_stanzas(text)))
