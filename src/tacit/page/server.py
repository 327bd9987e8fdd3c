"""The page's server: this machine alone, whoever has the address alone, nothing from elsewhere."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Annotated, Any, Literal

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tacit.errors import ImagesError
from tacit.files import NotWritten
from tacit.images.bounded import printable
from tacit.images.dataset import Images
from tacit.images.originals import Originals
from tacit.page.correcting import Corrections, two_people
from tacit.page.pictures import original, small
from tacit.page.plane import mapped, on_a_plane
from tacit.page.session import Session

HOST = "127.0.0.1"
LARGEST_REQUEST = 4 << 20
WAIT = 20.0
"""Seconds for which a question for news is held back."""

HEADERS = {
    b"content-security-policy": (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",  # the address holds the token
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}

MEDIA = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(_Asked):
    """An answer for some images: a class, or a mark."""

    rows: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=100_000)]
    label: Annotated[str, Field(max_length=200)] = ""
    mark: Literal["", "skip", "bad"] = ""


class Rows(_Asked):
    """Some images."""

    rows: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=100_000)]


@dataclass
class Shown:
    """What the server shows.

    Attributes:
        session: the labels. images: made alike, for thumbnails. originals: the pictures.
        places: of all images on a plane, (N, 2), or None while they are looked for.
        title: what the images are called.
        beside: another person's labels, by row.
        likely: log p(x) of all images under a VAE, (N,), or None while it is worked out.
        scored: whether it will be.
        out: the folder that results go to when the page ends; "" where none do.
        failed: why places or log p(x) cannot be had.
    """

    session: Session
    images: Images
    originals: Originals
    places: NDArray[np.float32] | None = None
    title: str = "images"
    beside: dict[int, str] = field(default_factory=dict)
    likely: NDArray[np.float64] | None = None
    scored: bool = False
    out: str = ""
    failed: str = ""

    def draw(self, score: Callable[[], NDArray[np.float64]] | None) -> None:
        """Find the places of all images, and log p(x) by `score`; for a thread of its own."""
        try:
            self.places = on_a_plane(self.session.codes)
            if score is not None:
                self.likely = score()
        except Exception as error:  # said on the page; labelling goes on
            what = "log p(x)" if self.places is not None else "map"
            self.failed = f"there is no {what}: {str(error) or type(error).__name__}"


class Guard:
    """Only requests to this server by its own name, from its own page, of a size; safe headers.

    The Host header is checked, so that no name that points here from elsewhere (DNS rebinding) is
    served; requests that change something come from this page (Origin) and are JSON.
    """

    def __init__(self, app: ASGIApp, port: Callable[[], int]) -> None:
        self.app, self.port = app, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                more = [(name, value) for name, value in HEADERS.items() if name not in given]
                if b"cache-control" not in given:
                    more.append((b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *more]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await Response(refusal[1], refusal[0], media_type="text/plain")(scope, receive, safely)
            return
        await self.app(scope, receive, safely)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        own = {f"{host}:{self.port()}".encode() for host in (HOST, "localhost")}
        if len(hosts := headers.get(b"host", [])) != 1 or hosts[0] not in own:
            return 421, "this server answers to its own address alone"
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "GET and POST"
        if scope["method"] == "POST":
            origins = headers.get(b"origin", [])
            if origins and origins != [b"http://" + hosts[0]]:
                return 403, "from another page"
            kind = b"".join(headers.get(b"content-type", [])).partition(b";")[0].strip()
            if kind != b"application/json":
                return 415, "JSON is read"
            length = b"".join(headers.get(b"content-length", []))
            if not length.isdigit() or len(length) > 12 or int(length) > LARGEST_REQUEST:
                return 413, "too large, or of unknown length"
        return None


def application(
    shown: Shown,
    *,
    token: str,
    port: Callable[[], int],
    closing: Callable[[], None] = lambda: None,
    finish: Callable[[], None] = lambda: None,
) -> Starlette:
    """The page and its API below ``/TOKEN/``; everything else is not found.

    Args:
        closing: called when the server ends. finish: called when the page asks it to.
    """
    session = shown.session
    corrections = Corrections(session, shown.images, shown.beside)
    n = len(session.names)
    static = files("tacit.page") / "static"
    served = {item.name: item.read_bytes() for item in static.iterdir() if item.is_file()}

    def page(request: Request) -> Response:
        return _file("index.html")

    def asset(request: Request) -> Response:
        return _file(request.path_params["name"])

    def _file(name: str) -> Response:
        media = MEDIA.get(name[name.rfind(".") :])
        if name not in served or media is None:
            raise HTTPException(404)
        return Response(served[name], media_type=media)

    def image(request: Request) -> Response:
        data, media = original(shown.originals, _row(request))
        return _picture(data, media)

    def thumbnail(request: Request) -> Response:
        data, media = small(shown.images, _row(request))
        return _picture(data, media)

    def _picture(data: bytes, media: str) -> Response:
        return Response(data, media_type=media, headers={"cache-control": "private, max-age=86400"})

    def _row(request: Request) -> int:
        row = int(request.path_params["row"])
        if not 0 <= row < n:
            raise HTTPException(404)
        return row

    def state(request: Request) -> Response:
        since = _number(request, "since", -1)
        if since >= 0 and session.predictions.version <= since:
            session.wait(since, WAIT)
        return _state()

    def _state(**more: Any) -> Response:
        told = session.state() | {
            "title": shown.title,
            "beside": bool(shown.beside),
            "scored": shown.scored,
            "out": printable(shown.out),
        }
        told["error"] = told["error"] or printable(shown.failed)
        if shown.beside:
            two = two_people(session, shown.beside)
            told |= {"both": two.both, "differ": len(two.rows)}
        return JSONResponse(told | more)

    def answer(body: bytes) -> Response:
        asked = Answer.model_validate_json(body)
        told = session.answer(asked.rows, label=asked.label, mark=asked.mark)
        return _state(**told)

    def clear(body: bytes) -> Response:
        session.clear([row for row in Rows.model_validate_json(body).rows if row < n])
        return _state()

    def undo(body: bytes) -> Response:
        return _state(undone=session.undo())

    def end(body: bytes) -> Response:
        told = _state()
        finish()
        return told

    def items(body: bytes) -> Response:
        rows = [row for row in Rows.model_validate_json(body).rows if row < n][:500]
        return JSONResponse([session.item(row) for row in rows])

    def grid(request: Request) -> Response:
        given = request.query_params
        like = _number(request, "like", -1)
        rows = session.grid(
            given.get("class", ""),
            _number(request, "n", 24),
            sort=given.get("sort", "sure"),
            like=None if like < 0 else like,
        )
        return JSONResponse([session.item(row) for row in rows])

    def near(request: Request) -> Response:
        rows = session.near(_number(request, "row", -1), _number(request, "n", 12))
        return JSONResponse([session.item(row) for row in rows])

    def correct(request: Request) -> Response:
        return JSONResponse(corrections.listed(request.query_params.get("list", "")))

    def points(request: Request) -> Response:
        """Of the images on the map the rows, the places, the predicted class, the label, the
        confidence in percent, and log p(x)."""
        if shown.places is None:
            if shown.failed:
                raise ImagesError(shown.failed)
            return JSONResponse(None)
        found, labels = session.predictions, session.answers()
        rows = mapped(n, list(labels), corrections.rows, seed=session.seed)
        likely = shown.likely
        return JSONResponse(
            {
                "rows": rows.tolist(),
                "places": np.rint(shown.places[rows] * 65535).astype(int).ravel().tolist(),
                "best": found.best[rows].tolist(),
                "labels": [labels.get(row, -1) for row in rows.tolist()],
                "sure": np.rint(100 * found.sure[rows]).astype(int).tolist(),
                "likely": None if likely is None else np.round(likely[rows], 1).tolist(),
            }
        )

    routes = [
        Route("/", page),
        Route("/static/{name}", asset),
        Route("/image/{row:int}", image),
        Route("/small/{row:int}", thumbnail),
        Route("/api/state", state),
        Route("/api/grid", grid),
        Route("/api/near", near),
        Route("/api/correct", correct),
        Route("/api/map", points),
        *(
            Route(f"/api/{work.__name__}", _posted(work), methods=["POST"])
            for work in (answer, clear, undo, items, end)
        ),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        closing()

    return Starlette(
        routes=[Mount(f"/{token}", routes=routes)],
        middleware=[Middleware(Guard, port=port)],
        exception_handlers={
            ImagesError: _said(409),
            NotWritten: _said(507),
            ValidationError: _said(422),
            ValueError: _said(422),
            HTTPException: _short,
        },
        lifespan=lifespan,
    )


def new_token() -> str:
    """What only who starts the page knows: 192 random bits."""
    return secrets.token_urlsafe(24)


def _posted(work: Callable[[bytes], Response]) -> Callable[[Request], Any]:
    """`work` on a request's body, in a thread, as what is not async is run everywhere else."""

    async def answered(request: Request) -> Response:
        body = await request.body()
        return await to_thread.run_sync(work, body)

    return answered


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.lstrip("-").isdigit() and len(text) < 12):
        raise ValueError(f"{name} is a whole number")
    return int(text)


def _said(status: int) -> Callable[[Request, Exception], Response]:
    def handler(request: Request, error: Exception) -> Response:
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"]))
            return JSONResponse({"error": f"{where}: {first['msg']}".strip(": ")}, status)
        return JSONResponse({"error": printable(str(error))}, status)

    return handler


def _short(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"error": "not found" if status == 404 else "no"}, status)
