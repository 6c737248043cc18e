"""The application: who asks, whether they may, and what answers.

Reading is open unless the cache is private; writing needs a token that may write. A request that two servers might
understand in two ways is refused before its body is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from starlette.requests import Request
from starlette.responses import PlainTextResponse

from kernix.output.messages import warn
from kernix.serve.files import Refused, refusal
from kernix.serve.names import file_name
from kernix.serve.site import SEARCHED
from kernix.serve.tokens import InvalidTokens
from store.caches.errors import CacheDamaged, CacheUnreachable, NotACache, NotInCache


if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from kernix.serve.files import Files
    from kernix.serve.site import Site
    from kernix.serve.tokens import TokenFile


_READING = ("GET", "HEAD", "PROPFIND")
_WRITING = ("PUT", "DELETE")
_METHODS = ", ".join((*_READING, *_WRITING))
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_ONCE = ("host", "content-length", "transfer-encoding", "authorization", "range", "content-type")


@attrs.frozen
class App:
    """The ASGI application of *files*, which those who *tokens* names may write, and of the *site* about them."""

    files: Files
    tokens: TokenFile
    site: Site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        response = await self._answer(request)
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            self._check(request)
            return await self._done(request)
        except Refused as refused:
            response = self.site.refused(_path(request), refused)
            if refused.status == 401:  # noqa: PLR2004 -- HTTP's
                response.headers["WWW-Authenticate"] = 'Basic realm="kernix", charset="UTF-8"'
            if refused.status == 405:  # noqa: PLR2004 -- HTTP's
                response.headers["Allow"] = _METHODS
            return response
        except NotInCache:
            return PlainTextResponse("there is no such file\n", 404)
        except CacheDamaged as error:
            warn(str(error))
            return PlainTextResponse("the file is damaged\n", 500)
        except (CacheUnreachable, NotACache) as error:
            warn(str(error))
            return refusal(error)
        except InvalidTokens as error:
            warn(str(error))
            return PlainTextResponse("the server's tokens cannot be read\n", 503)

    async def _done(self, request: Request) -> Response:
        path = _path(request)
        if request.method == "PUT":
            return await self.files.write(path, request)
        if request.method == "DELETE":
            return await self.files.delete(path)
        if request.method == "PROPFIND":
            return await self.files.list(path, request)
        if file_name(path) is None:
            return await self.site.answer(path, request)
        return await self.files.read(path, request)

    def _check(self, request: Request) -> None:
        """Check that *request* means one thing only, and that who sends it may.

        Raises:
            Refused: it does not, or they may not.
            InvalidTokens: who may cannot be read.
        """
        names = [name.decode("latin-1").lower() for name, _ in request.scope["headers"]]
        if any(names.count(it) > 1 for it in _ONCE) or {"content-length", "transfer-encoding"} <= {*names}:
            raise Refused(400, "a header is there twice, or contradicts another one")
        if request.method not in _READING and request.method not in _WRITING:
            raise Refused(405, f"the method is not one of {_METHODS}")
        if request.scope["query_string"] and (request.method not in {"GET", "HEAD"} or _path(request) not in SEARCHED):
            raise Refused(400, "nothing of this name has a `?`")
        writes = request.method in _WRITING
        if not writes and not self.files.private:
            return
        token = self.tokens.bearer(request.headers.get("authorization"))
        if token is None:
            raise Refused(401, "this needs a token")
        if writes and not token.write:
            raise Refused(403, "this token may only read")


def _path(request: Request) -> str:
    path: str = request.scope["path"]
    return path.removeprefix("/")
