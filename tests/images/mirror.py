"""A mirror on this machine, with the errors that real ones have."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Mirror:
    """Serves `files` by path; `asked` are the paths that were asked for."""

    files: dict[str, bytes]
    address: str = ""
    asked: list[str] = field(default_factory=list)
    status: int = 200
    cut: int = 0
    """How many bytes of each answer's end are never sent."""


@contextmanager
def serve(mirror: Mirror) -> Iterator[Mirror]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            mirror.asked.append(name)
            body = mirror.files.get(name)
            status = mirror.status if body is not None else 404
            body = body if body is not None and status == 200 else b"no such file"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) - mirror.cut])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    mirror.address = f"http://127.0.0.1:{server.server_port}/sets"
    try:
        yield mirror
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
