"""A server that answers as S3 does, on this machine."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "experiments"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes
    ----------
    address : str
        Such as "http://127.0.0.1:41234".
    """

    address: str

    @contextlib.contextmanager
    def denying(self) -> Iterator[None]:
        """Refuse all keys, as of nobody, within a block."""
        self._count_before_denial(b"0")
        yield
        self._count_before_denial(b"inf")

    def _count_before_denial(self, count: bytes) -> None:
        plain = {"Content-Type": "text/plain"}
        urlopen(Request(f"{self.address}/moto-api/reset-auth", count, plain)).close()


@contextlib.contextmanager
def s3_server() -> Iterator[Server]:
    """Run a server with an empty bucket; the environment names it, as on a cluster's workers."""
    import logging

    from fsspec.asyn import get_loop
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    get_loop()  # its thread stays for the next call
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    known = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with mock.patch.dict(os.environ, known):
        urlopen(Request(f"{address}/{BUCKET}", method="PUT")).close()
        yield Server(address)
    server.stop()


def assert_one_sentence(message: str) -> None:
    """Check that a message is one sentence that begins with the name of a place."""
    assert message.startswith(("'", "There is no "))
    assert "://" in message
    assert message.endswith(".")
    assert "\n" not in message
    assert ". " not in message
