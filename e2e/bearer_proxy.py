"""Adds a bearer token to every request, for clients that cannot send one.

`BearerProxy` is an HTTP/1.1 proxy on a free loopback port of the loop that it is entered on. A request's
head gets the `Authorization` header, and where `Host` or `Origin` name the proxy, the gateway's address
stands instead, since it answers to no other port; bodies, answers and event streams pass as they are. It
adds no `Forwarded`, `Via` or the like: it stands for a program of this machine that sends the token by
itself, so that a token for this machine only is good enough.
"""

import asyncio

from edge_proxy import HEAD_BYTES_MAX, both, guarded, pass_requests, pump


class BearerProxy:
    """In front of the gateway at `target`, a loopback `HOST:PORT`; `address` is its own."""

    def __init__(self, target, token):
        self.target, self.token = target, token

    async def __aenter__(self):
        self._server = await asyncio.start_server(
            guarded(self._visit), "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _visit(self, reader, writer):
        host, _, port = self.target.rpartition(":")
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        try:
            await both(pass_requests(reader, inner_writer, self._with_token), pump(inner_reader, writer))
        finally:
            inner_writer.close()

    def _with_token(self, head):
        request, *fields = head.split(b"\r\n")
        own, target = self.address.encode(), self.target.encode()
        fields = [field.replace(own, target) if field.lower().startswith((b"host:", b"origin:")) else field
                  for field in fields]
        return b"\r\n".join([request, b"Authorization: Bearer " + self.token.encode(), *fields])
