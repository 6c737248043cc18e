"""The site around the files of a cache: which page or API answer a path means."""

from __future__ import annotations

import base64
import hashlib
import re

from typing import TYPE_CHECKING

import attrs

from anyio import to_thread
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from derivations.kconfig.comparison.difference import difference
from kernix.configs.named import from_text
from kernix.pages.difference import difference_page
from kernix.pages.style import SCRIPT, STYLE
from kernix.serve import api, pages
from kernix.serve.catalogue import Catalogue, Item
from kernix.serve.files import Refused, refusal
from store.errors import Error
from store.path import InvalidStorePath, StorePath


if TYPE_CHECKING:
    from starlette.requests import Request

    from store.caches.info import Info


SEARCHED = frozenset({"", f"{api.ROOT}/objects"})
"""The paths that may have a query: what to search for."""

_NO_PAGE = "there is no such page"
_LONGEST = 200  # characters of what is searched for
_HOST = re.compile(r"[0-9a-zA-Z.-]+(:[0-9]{1,5})?|\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?", re.ASCII)
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_WITH_SCRIPT = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; base-uri 'none'; frame-ancestors 'none'"
)
"""The policy of a page that has its style and its script in it."""


@attrs.frozen
class Site:
    """The pages and the API about *catalogue*; of a *private* cache, no browser keeps a copy."""

    catalogue: Catalogue
    private: bool

    async def answer(self, path: str, request: Request) -> Response:
        """Answer GET and HEAD of *path*.

        Raises:
            Refused: there is no such page, or the query is not one.
            CacheError: the cache cannot be read.
        """
        response: Response = await to_thread.run_sync(self._answer, path, request)
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers["Cache-Control"] = "no-store" if self.private else "no-cache"
        return response

    def refused(self, path: str, refused: Refused) -> Response:
        """Return the answer to a request for *path* that is refused, in the form that whoever asks expects."""
        if _is_api(path):
            return JSONResponse(api.error(refused.reason), refused.status)
        if path.partition("/")[0] in {"objects", "compare"}:
            return HTMLResponse(pages.missing(refused.reason), refused.status, {"Content-Security-Policy": _POLICY})
        return refusal(refused)

    def _answer(self, path: str, request: Request) -> Response:
        if _is_api(path):
            return self._api(path.removeprefix(api.ROOT).removeprefix("/"), request)
        match path.split("/"):
            case [""]:
                words = _words(request)
                return HTMLResponse(pages.index(self.catalogue.newest(words), words))
            case ["style.css"]:
                return Response(pages.SHEET, media_type="text/css")
            case ["objects", name, *rest]:
                return self._object(name, rest, request)
            case ["compare", old, new]:
                return self._compared(self._info(old), self._info(new))
        raise Refused(404, _NO_PAGE)

    def _object(self, name: str, rest: list[str], request: Request) -> Response:
        info = self._info(name)
        match rest:
            case []:
                return self._about(info, request)
            case ["files"]:
                return HTMLResponse(pages.files(info, self.catalogue.listing(info)))
            case ["config"]:
                return PlainTextResponse(self._config(info))
        raise Refused(404, _NO_PAGE)

    def _about(self, info: Info, request: Request) -> Response:
        item = Item(info=info, kernel=self.catalogue.kernel(info))
        kernels = [it.info.path for it in self.catalogue.newest() if it.kernel is not None] if item.kernel else []
        host = request.headers.get("host", "")
        url = f"{request.url.scheme}://{host}" if _HOST.fullmatch(host) else "http://THIS-SERVER"
        return HTMLResponse(pages.about(item, self.catalogue.closure(info), url, kernels))

    def _compared(self, *infos: Info) -> Response:
        try:
            sides = [from_text(self._config(it), "config", str(it.path)) for it in infos]
        except Error as error:
            raise Refused(404, str(error)) from None
        return HTMLResponse(difference_page(difference(*sides)), headers={"Content-Security-Policy": _WITH_SCRIPT})

    def _config(self, info: Info) -> str:
        text = self.catalogue.config(info)
        if text is None:
            raise Refused(404, f"{info.path} is not a kernel")
        return text

    def _api(self, path: str, request: Request) -> Response:
        match path.split("/"):
            case ["openapi.json"]:
                return JSONResponse(api.document())
            case ["objects"]:
                return JSONResponse(api.listed(self.catalogue.newest(_words(request))))
            case ["objects", name]:
                info = self._info(name)
                item = Item(info=info, kernel=self.catalogue.kernel(info))
                return JSONResponse(api.detailed(item, self.catalogue.closure(info)))
        raise Refused(404, "there is no such resource")

    def _info(self, name: str) -> Info:
        try:
            path = StorePath.parse(name)
        except InvalidStorePath:
            raise Refused(404, "this is not the name of an object") from None
        info = self.catalogue.info(path)
        if info is None:
            raise Refused(404, f"the cache does not have {path}")
        return info


def _is_api(path: str) -> bool:
    return path == api.ROOT or path.startswith(f"{api.ROOT}/")


def _words(request: Request) -> str:
    """Return what is searched for."""
    queries = request.query_params.multi_items()
    if any(name != "q" for name, _ in queries) or len(queries) > 1:
        raise Refused(400, "the only parameter is `q`, once")
    words = queries[0][1] if queries else ""
    if len(words) > _LONGEST:
        raise Refused(400, f"at most {_LONGEST} characters are searched for")
    return words
