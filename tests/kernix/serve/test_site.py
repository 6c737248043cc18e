"""The pages and the API of `kernix serve`: what a real push has written, shown by a real server process."""

from __future__ import annotations

import html.parser
import re

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.kernix.serve.test_serve import Server, end, start


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


TITLE = "# Linux/x86 6.12.117 Kernel Configuration"
OLD = f"#\n{TITLE}\n#\nCONFIG_64BIT=y\nCONFIG_PRINTK=y\n# CONFIG_SMP is not set\n"
EVIL = "<img src=x onerror=alert(1)>.txt"


@attrs.frozen
class Site:
    """A server of a cache with two kernels and a directory."""

    server: Server
    old: str
    new: str
    other: str

    def text(self, path: str, status: int = 200) -> str:
        """Return what is at *path*."""
        answer = self.server.ask("GET", path, token="")
        assert answer.status_code == status, answer.text
        return answer.text

    def json(self, path: str, status: int = 200) -> Any:  # noqa: ANN401 -- any JSON
        """Return the JSON at *path*."""
        answer = self.server.ask("GET", path, token="")
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json"), answer.text
        return answer.json()


def push(kernix: CommandLine, place: Path, name: str, files: dict[str, str]) -> str:
    """Add *files* as the object *name*, push it, and return its store path."""
    directory = kernix.work / name
    directory.mkdir()
    for path, text in files.items():
        (directory / path).write_text(text)
    path = kernix("add", directory).lines[-1].rpartition("/")[2]
    assert kernix("push", path, "--to", place.as_uri()).code == 0
    return path


@pytest.fixture
def site(kernix: CommandLine) -> Iterator[Site]:
    """Return a running server of a cache with two kernels and a directory whose file has a hostile name."""
    assert kernix("key", "generate", "me-1").code == 0
    place = kernix.top / "shared"
    new = OLD.replace("# CONFIG_SMP is not set", "CONFIG_SMP=y")
    paths = (
        push(kernix, place, "linux-6.12.117", {"bzImage": "image", "config": OLD}),
        push(kernix, place, "linux-smp-6.12.117", {"bzImage": "image", "config": new}),
        push(kernix, place, "notes", {EVIL: "text"}),
    )
    server = start(kernix.top)
    yield Site(server, *paths)
    end(server)


class Outline(html.parser.HTMLParser):
    """The elements of a page, each with its attributes."""

    def __init__(self, text: str) -> None:
        """Read *text*."""
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))

    def all(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element *name*."""
        return [found for tag, found in self.elements if tag == name]


def test_kernels_come_first(site: Site) -> None:
    """The list has the kernels with version and architecture, then everything else, each with who signed it."""
    text = site.text("")
    kernels, others = text.split("<h2>Other objects</h2>")
    assert [it in kernels for it in (site.old, site.new, site.other)] == [True, True, False]
    assert site.other in others
    assert all(it in kernels for it in ("6.12.117", "x86", "me-1"))


@pytest.mark.parametrize(
    ("words", "found"),
    [("smp", {"new"}), ("linux 6.12", {"old", "new"}), ("NOTES", {"other"}), ("none", set()), ("<b>", set())],
)
def test_search(site: Site, words: str, found: set[str]) -> None:
    """Objects are found whose store paths have every word, and what was searched for is shown as it is."""
    answer = site.server.ask("GET", "", token="", params={"q": words})
    assert {it for it in ("old", "new", "other") if getattr(site, it) in answer.text} == found
    assert "<b>" not in answer.text


def test_an_object(kernix: CommandLine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page has sizes, signers and what it needs; its command fetches the object, once the signer is trusted."""
    text = site.text(f"objects/{site.old}")
    command = re.search(r"^kernix (pull --from \S+ \S+)$", text, re.MULTILINE)
    assert command is not None
    assert "1 object" in text
    assert kernix("key", "trust", "me-1").code == 0
    monkeypatch.setenv("KERNIX_HOME", str(kernix.top / "empty"))
    assert kernix(*command[1].split()).code == 0
    assert (kernix.top / "empty/store" / site.old / "bzImage").read_text() == "image"


def test_files_and_configuration(site: Site) -> None:
    """The files of an object are listed, with hostile names as text; a kernel's configuration is plain text."""
    assert ">bzImage<" in site.text(f"objects/{site.old}/files")
    listed = site.text(f"objects/{site.other}/files")
    assert "<img" not in listed
    assert "&lt;img src=x onerror=alert(1)&gt;.txt" in listed
    config = site.server.ask("GET", f"objects/{site.old}/config", token="")
    assert (config.text, config.headers["Content-Type"]) == (OLD, "text/plain; charset=utf-8")


def test_two_configurations(site: Site) -> None:
    """Two kernels are compared option by option; what its scripts may do is bound to those of the page."""
    answer = site.server.ask("GET", f"compare/{site.old}/{site.new}", token="")
    assert "SMP" in answer.text
    assert "PRINTK" not in answer.text
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
    assert "is not a kernel" in site.text(f"compare/{site.old}/{site.other}", 404)


def test_pages_need_no_script_and_nothing_from_elsewhere(site: Site) -> None:
    """Each page has one heading of the first level, a main part, a title, and tables whose heads say what they head."""
    for path in ("", f"objects/{site.old}", f"objects/{site.old}/files", "objects/none"):
        answer = site.server.ask("GET", path, token="")
        page = Outline(answer.text)
        counts = [len(page.all(it)) for it in ("h1", "main", "title", "script", "style")]
        assert (path, counts) == (path, [1, 1, 1, 0, 0])
        assert page.all("html") == [{"lang": "en"}]
        assert all(it.get("scope") == "col" for it in page.all("th"))
        assert len(page.all("caption")) == len(page.all("table"))
        links = [it.get("href") or "" for it in [*page.all("a"), *page.all("link")]]
        assert all(it.startswith(("/", "#")) and not it.startswith("//") for it in links)
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        for link in {it for it in links if it.startswith("/")}:
            assert site.server.ask("GET", link.removeprefix("/"), token="").status_code == 200


def test_the_api(site: Site) -> None:
    """What the OpenAPI document describes is answered so: every member, and errors as JSON."""
    document = site.json("api/v1/openapi.json")
    listed = site.json("api/v1/objects")["objects"]
    assert [(it["path"], it["kernel"] is None) for it in listed] == [
        (site.old, False), (site.new, False), (site.other, True),
    ]  # fmt: skip
    one = site.json(f"api/v1/objects/{site.old}")
    assert one["kernel"] == {"version": "6.12.117", "arch": "x86", "options": 2}
    assert one["closure"] == {
        "objects": [site.old], "missing": [], "size": one["size"], "archive_size": one["archive_size"],
    }  # fmt: skip
    described = document["paths"]["/api/v1/objects/{path}"]["get"]["responses"]["200"]["content"]["application/json"]
    assert described["schema"]["properties"].keys() == one.keys()
    for path, status in (("objects/none", 404), (f"objects/{'0' * 32}-none", 404), ("objects?x=1", 400), ("none", 404)):
        assert site.json(f"api/v1/{path}", status)["error"]


def test_a_private_site(kernix: CommandLine) -> None:
    """With `--private`, pages and API need a token, and no copy is kept."""
    server = start(kernix.top, "--private")
    try:
        assert {server.ask("GET", it, token="").status_code for it in ("", "api/v1/objects", "style.css")} == {401}
        answer = server.ask("GET", "")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        assert "The cache is empty." in answer.text
    finally:
        end(server)


def test_damage(site: Site) -> None:
    """A damaged archive or info is no page, and the others are shown all the same."""
    blobs = sorted((site.server.directory / "blobs").rglob("*"), key=lambda it: it.stat().st_size)
    for blob in blobs:
        if blob.is_file():
            blob.write_bytes(blob.read_bytes()[:-1] + b"\0")
    assert "damaged" in site.text(f"objects/{site.old}/files", 500)
    (site.server.directory / "infos" / site.other[:2] / site.other).write_text("{}")
    text = site.text("")
    assert [it in text for it in (site.old, site.new, site.other)] == [True, True, False]


def test_a_cache_of_another_version(site: Site) -> None:
    """What this kernix cannot read is an error of the server, not a page of nothing."""
    (site.server.directory / "kernix-cache").write_text('{"format": "kernix-cache", "version": 9}')
    assert "cannot be used" in site.text("", 500)
