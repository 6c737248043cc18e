"""The files of a cache as answers to HTTP: GET and HEAD with ranges, PUT, DELETE, and PROPFIND (RFC 4918) of a directory."""

from __future__ import annotations

import contextlib
import email.utils
import xml.etree.ElementTree as ET

from typing import TYPE_CHECKING
from urllib.parse import quote

import anyio
import attrs

from anyio import to_thread
from blake3 import blake3
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, PlainTextResponse, Response

from kernix.serve.names import file_name, is_folder, is_left_over
from store.caches.errors import CacheUnreachable, NotACache
from store.caches.transport import read_small


if TYPE_CHECKING:
    from starlette.requests import Request

    from kernix.serve.names import Name
    from store.caches.directory import DirectoryTransport


SILENCE = 60.0
"""Seconds that a client may send nothing of a body that it has announced."""

_FOREVER = "public, max-age=31536000, immutable"
_DAV = "{DAV:}"


@attrs.frozen
class Refused(Exception):
    """A request is refused: the status, and why in a sentence."""

    status: int
    reason: str


@attrs.frozen
class Files:
    """The files of the cache in *directory*.

    Attributes:
        largest: How many bytes a file may have.
        private: Whether what is read may not be kept by caches between us and the reader.
    """

    transport: DirectoryTransport
    largest: int
    private: bool = False

    async def read(self, path: str, request: Request) -> Response:
        """Answer GET and HEAD of *path*; a blob never changes, so its digest is its ETag."""
        name = self._name(path)
        if name.digest is None:
            data = await to_thread.run_sync(read_small, self.transport, path, name.most(self.largest))
            tag = f'"{blake3(data).hexdigest()}"'
            headers = {"ETag": tag, "Cache-Control": "no-cache"}
            if request.headers.get("if-none-match") == tag:
                return Response(status_code=304, headers=headers)
            return Response(data, headers=headers, media_type="application/json")
        headers = {
            "ETag": f'"{name.digest}"',
            "Cache-Control": _FOREVER.replace("public", "private" if self.private else "public"),
        }
        if not await to_thread.run_sync((self.transport.directory / path).is_file):
            raise Refused(404, "there is no such file")
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return FileResponse(self.transport.directory / path, headers=headers, media_type="application/octet-stream")

    async def write(self, path: str, request: Request) -> Response:
        """Answer PUT: the file is written aside, and becomes visible once it is whole and on the disk."""
        name = self._name(path)
        most = name.most(self.largest)
        if int(request.headers.get("content-length", "0")) > most:
            raise Refused(413, f"a file of this name may have {most} bytes")
        if request.headers.get("content-encoding", "identity") != "identity" or "content-range" in request.headers:
            raise Refused(400, "only whole files are written, as they are")
        # The context managers of `open` and `fsync` run in this thread; what takes long, in others.
        with contextlib.ExitStack() as opened:
            writing = self.transport.replacing(path)
            file = await to_thread.run_sync(writing.__enter__)
            opened.push(writing)
            hasher, size, body = blake3(), 0, request.stream()
            while True:
                try:
                    with anyio.fail_after(SILENCE):
                        chunk = await anext(body, None)
                except TimeoutError:
                    raise Refused(408, "the body does not go on") from None
                except ClientDisconnect:
                    raise Refused(400, "the body is cut") from None
                if chunk is None:
                    break
                size += len(chunk)
                if size > most:
                    raise Refused(413, f"a file of this name may have {most} bytes")
                hasher.update(chunk)
                await to_thread.run_sync(file.write, chunk)
            if name.digest not in {None, hasher.hexdigest()}:
                raise Refused(422, "the content does not have the digest that its name says")
            opened.pop_all()
            await to_thread.run_sync(writing.__exit__, None, None, None)
        return Response(status_code=204)

    async def delete(self, path: str) -> Response:
        """Answer DELETE; the file may be missing already."""
        if not is_left_over(path):
            self._name(path)
        await to_thread.run_sync(self.transport.delete, path)
        return Response(status_code=204)

    async def list(self, path: str, request: Request) -> Response:
        """Answer PROPFIND of a directory, of depth 1."""
        path = path.rstrip("/")
        if not is_folder(path):
            raise Refused(404, "a cache has no such directory")
        if request.headers.get("depth") != "1":
            raise Refused(403, "a directory is listed with the depth 1")
        self._inside(path)
        data = await to_thread.run_sync(self._listed, path, request.scope.get("root_path", ""))
        return Response(data, 207, media_type="application/xml")

    def _listed(self, path: str, above: str) -> bytes:
        root = ET.Element(f"{_DAV}multistatus")
        directory = self.transport.directory / path
        if not directory.is_dir():
            raise Refused(404, "there is no such directory")
        for entry in (directory, *directory.iterdir()):
            within = path if entry is directory else f"{path}/{entry.name}"
            if entry.is_symlink():
                continue
            try:
                status, is_directory = entry.stat(), entry.is_dir()
            except FileNotFoundError:
                continue
            if not is_directory and file_name(within) is None and not is_left_over(within):
                continue
            response = ET.SubElement(root, f"{_DAV}response")
            ET.SubElement(response, f"{_DAV}href").text = quote(f"{above}/{within}") + ("/" if is_directory else "")
            facts = ET.SubElement(ET.SubElement(response, f"{_DAV}propstat"), f"{_DAV}prop")
            kind = ET.SubElement(facts, f"{_DAV}resourcetype")
            if is_directory:
                ET.SubElement(kind, f"{_DAV}collection")
                continue
            ET.SubElement(facts, f"{_DAV}getcontentlength").text = str(status.st_size)
            ET.SubElement(facts, f"{_DAV}getlastmodified").text = email.utils.formatdate(status.st_mtime, usegmt=True)
        data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
        return data

    def _name(self, path: str) -> Name:
        name = file_name(path)
        if name is None:
            raise Refused(404, "a cache has no such file")
        self._inside(path)
        return name

    def _inside(self, path: str) -> None:
        """Check that no part of *path* is a symbolic link: what it leads to is not the cache's."""
        place = self.transport.directory
        for part in path.split("/"):
            place /= part
            if place.is_symlink():
                raise Refused(403, "a symbolic link is not served")


def refusal(refused: Refused | CacheUnreachable | NotACache) -> Response:
    """Return the answer to a request that cannot be served."""
    if isinstance(refused, CacheUnreachable | NotACache):
        full = "space left" in refused.reason
        return PlainTextResponse(
            ("no space is left" if full else "the cache cannot be used") + "\n", 507 if full else 500
        )
    return PlainTextResponse(f"{refused.reason}\n", refused.status)
