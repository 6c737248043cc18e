"""The format: what is signed is what version 1 says, byte for byte; listings survive a round trip."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store.caches.info import Archive, Info
from store.caches.listing import Directory, File, Frame, Link, Listing
from store.caches.result import Result
from store.path import StorePath
from store.trees.content import Kind
from tests.store.caches.conftest import KEY


LIBRARY = StorePath.make(bytes(32), "library")
PROGRAM = StorePath.make(b"\1" * 32, "program", (LIBRARY,))
INFO = Info(
    path=PROGRAM,
    digest=b"\1" * 32,
    size=5,
    nodes=2,
    references=(LIBRARY,),
    deriver=None,
    results=((b"k" * 32, "out"),),
    archive=Archive(digest=b"\2" * 32, size=9, listing=b"\3" * 32, listing_size=7),
    deltas=(Archive(digest=b"\4" * 32, size=4, listing=b"\5" * 32, listing_size=6, base=LIBRARY),),
)
RESULT = Result(key=b"k" * 32, output="out", path=PROGRAM, digest=b"\1" * 32)

MESSAGE = (
    b'{"archive":{"digest":"' + b"02" * 32 + b'","listing":"' + b"03" * 32 + b'","listing_size":7,"size":9},'
    b'"deltas":[{"base":"pyxms6kp469rwaaak0mxfrmidrskzpwn-library","digest":"' + b"04" * 32 + b'",'
    b'"listing":"' + b"05" * 32 + b'","listing_size":6,"size":4}],"deriver":null,"digest":"' + b"01" * 32 + b'",'
    b'"format":"kernix-cache info 1","nodes":2,"path":"riih2fazf1d57x5bar52wcf007zih32v-program",'
    b'"references":["pyxms6kp469rwaaak0mxfrmidrskzpwn-library"],"results":[["' + b"6b" * 32 + b'","out"]],"size":5}'
)
RESULT_MESSAGE = (
    b'{"digest":"' + b"01" * 32 + b'","format":"kernix-cache result 1","key":"' + b"6b" * 32 + b'","output":"out",'
    b'"path":"riih2fazf1d57x5bar52wcf007zih32v-program"}'
)
SIGNATURE = "test-1:M+0kqzj+9eG+niAptvKaMEqAmz64n8E7UUqHLbtK1djPNcPZBgCrdJLpotGLpuhwiajaKjUZkMnyqlDdudj+Aw=="

NAMES = st.binary(min_size=1, max_size=8)


def test_the_message_of_an_info_is_that_of_version_1() -> None:
    """What is signed does not change, or old signatures would be worth nothing."""
    assert INFO.message == MESSAGE
    assert str(KEY.sign(INFO.message)) == SIGNATURE


def test_the_message_of_a_result_is_that_of_version_1() -> None:
    """As for infos."""
    assert RESULT.message == RESULT_MESSAGE


def test_documents_survive_a_round_trip() -> None:
    """What is written is read again."""
    assert Info.decode(INFO.encode(), PROGRAM) == INFO
    assert Result.decode(RESULT.encode(), b"k" * 32, "out") == RESULT


@given(path=NAMES, target=NAMES, size=st.integers(1, 1 << 40), prefix=st.none() | NAMES)
def test_listings_survive_a_round_trip(path: bytes, target: bytes, size: int, prefix: bytes | None) -> None:
    """Any bytes can be in a path, whether or not they are UTF-8."""
    listing = Listing(
        frames=(Frame(3, size, prefix),),
        files=(File(path, Kind.EXECUTABLE, bytes(32), size, 0, 0), File(path, Kind.FILE, bytes(32), 0, -1, 0)),
        links=(Link(path, target),),
        directories=(Directory(path),),
        base=LIBRARY,
        removed=(path,),
    )
    assert Listing.decode(listing.encode()) == listing
