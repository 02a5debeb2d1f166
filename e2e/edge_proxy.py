"""The public side of an edge double, as clients meet it: TLS under any host name.

The doubles of the crate `tunnels` speak plain HTTP towards visitors. `EdgeProxy` stands in front: an
HTTP CONNECT proxy on a free loopback port that ends TLS for the edge's public host with a certificate
of its own authority and passes HTTP/1.1 on, streaming, connection for connection, head for head. So
name resolution and TLS of the real clients are at work, and every request head is on record.
Needs the package `cryptography`, which the Python SDK brings along.
"""

import asyncio
import base64
import contextlib
import datetime
import hashlib
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HEAD_BYTES_MAX = 256 * 1024


class Authority:
    """A certificate authority for the life of a suite; one key serves all hosts."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "edge proxy of the e2e suites")])
        extensions = [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True),
        ]
        certificate = self._sign(self._name, self._ca_key.public_key(), extensions)
        self.ca_file = self.folder / "ca.pem"
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self._key_file = self.folder / "key.pem"
        self._key_file.touch(mode=0o600)
        self._key_file.write_bytes(self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        self._contexts = {}

    def _sign(self, subject, public_key, extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
                   .public_key(public_key).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(days=2))
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                       self._ca_key.public_key()), False))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._ca_key, hashes.SHA256())

    def context(self, host):
        """A server's TLS context whose certificate names `host`."""
        if host not in self._contexts:
            certificate = self._sign(
                x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a host behind the edge")]),
                self._key.public_key(),
                [(x509.BasicConstraints(ca=False, path_length=None), True),
                 (x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False),
                 (x509.SubjectAlternativeName([x509.DNSName(host)]), False)])
            file = self.folder / f"{host}.pem"
            file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(file, self._key_file)
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[host] = context
        return self._contexts[host]

    def key_pin(self):
        """The pin of the hosts' key, as Chromium's `--ignore-certificate-errors-spki-list` takes it."""
        spki = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(spki).digest()).decode()


class EdgeProxy:
    """The proxy, in a thread of its own. `target()` gives the edge's public (host, port)."""

    def __init__(self, folder, target):
        self.authority = Authority(folder)
        self.ca_file = str(self.authority.ca_file)
        self.target = target
        self.heads = []  # the heads of all requests, as bytes
        self.connects = []  # the hosts that somebody wanted to reach
        self.allowed_host = None  # the edge's public host; others are not let out
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._started.wait()

    def environment(self):
        """What sends a program's https traffic through here."""
        return {"HTTPS_PROXY": self.proxy_url, "NO_PROXY": "127.0.0.1,localhost", "SSL_CERT_FILE": self.ca_file}

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._started.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _listen(self):
        outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        outer.set_alpn_protocols(["http/1.1"])

        def by_name(tls, name, _context):
            if not name:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            tls.context = self.authority.context(name)
            return None

        outer.sni_callback = by_name
        # The handshake starts with this context's own certificate until the name is known.
        outer.load_cert_chain(*self._placeholder())
        inside = await asyncio.start_server(
            guarded(self._visit), "127.0.0.1", 0, ssl=outer, limit=HEAD_BYTES_MAX)
        self._tls_port = inside.sockets[0].getsockname()[1]
        proxy = await asyncio.start_server(guarded(self._connect), "127.0.0.1", 0)
        self.proxy_url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        self._servers = [inside, proxy]

    def _placeholder(self):
        self.authority.context("placeholder.invalid")
        return self.authority.folder / "placeholder.invalid.pem", self.authority.folder / "key.pem"

    async def _connect(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split()
        host = words[1].rsplit(":", 1)[0]
        self.connects.append(host)
        if words[0] != "CONNECT" or (self.allowed_host and host != self.allowed_host):
            writer.write(b"HTTP/1.1 502 Not an edge's host\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._tls_port)
        await both(pump(reader, inner_writer), pump(inner_reader, writer))
        inner_writer.close()

    async def _visit(self, reader, writer):
        edge_reader, edge_writer = await asyncio.open_connection(*self.target())
        try:
            await both(pass_requests(reader, edge_writer, self._seen), pump(edge_reader, writer))
        finally:
            edge_writer.close()

    def _seen(self, head):
        self.heads.append(head)
        return head

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)


async def pass_requests(reader, writer, change):
    """Passes requests on one by one, each head as `change` returns it."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(change(head))
        fields = head.lower().split(b"\r\n")[1:]
        if any(field.startswith(b"transfer-encoding:") for field in fields):
            await pass_chunks(reader, writer)
        for field in fields:
            if field.startswith(b"content-length:"):
                left = int(field.split(b":")[1])
                while left:
                    piece = await reader.read(min(left, 65536))
                    if not piece:
                        return
                    left -= len(piece)
                    writer.write(piece)
                    await writer.drain()
        await writer.drain()


async def pass_chunks(reader, writer):
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        writer.write(line + await reader.readexactly(size + 2))
        await writer.drain()
        if size == 0:
            return


async def pump(reader, writer):
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()


async def both(one, other):
    """Runs two directions of a connection until either ends."""
    tasks = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def guarded(serve):
    """A connection that breaks off ends that connection only."""
    async def connection(reader, writer):
        with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError,
                                 ValueError, IndexError, ssl.SSLError):
            await serve(reader, writer)
        with contextlib.suppress(OSError, RuntimeError):
            writer.close()
    return connection
