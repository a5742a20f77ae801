"""A remote signing service on loopback: the two calls of the CSC API 2.0 that we use, and what can go wrong with them.

It reads requests by its own reading of the specification and signs what it is asked to sign, nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
}
_FITS = {
    "1.2.840.10045.4.3.2": (ec.EllipticCurvePrivateKey, "2.16.840.1.101.3.4.2.1"),
    "1.2.840.10045.4.3.3": (ec.EllipticCurvePrivateKey, "2.16.840.1.101.3.4.2.2"),
    "1.2.840.113549.1.1.11": (rsa.RSAPrivateKey, "2.16.840.1.101.3.4.2.1"),
}


class Fault(StrEnum):
    """What the next answer does instead of coming back well."""

    LOST = "lost"
    """The signature is made, and the connection ends without an answer."""
    SLOW = "slow"
    """No answer until the asker has gone."""
    BROKEN = "broken"
    """HTTP 500."""
    BUSY = "busy"
    """HTTP 429."""
    GARBAGE = "garbage"
    """Something that is no JSON."""
    DEEP = "deep"
    """JSON that nests deeper than readers go."""
    EMPTY = "empty"
    """JSON without a signature."""
    OTHER = "other"
    """A good signature, of something else."""


@dataclass
class SigningService:
    """One credential. `private_key_pem`: not encrypted; `raw`: ECDSA as r and s side by side instead of DER.

    `away`: HTTP 503 to everything, until it is back.
    `faults` are used up, one an answer. `asked` lists the calls, `signed`
    counts signatures made.
    """

    private_key_pem: bytes = field(repr=False)
    certificate_pem: bytes
    token: str = field(repr=False)
    credential: str = "court-seal"
    raw: bool = False
    enabled: bool = True
    away: bool = False
    faults: deque[Fault] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)
    signed: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve on a free port of loopback; yields the address up to `/csc/v2`."""
        app = web.Application(client_max_size=64 * 1024)
        app.add_routes(
            [web.post("/csc/v2/credentials/info", self._info), web.post("/csc/v2/signatures/signHash", self._sign)]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}/csc/v2"
        finally:
            await runner.cleanup()

    async def _info(self, request: web.Request) -> web.StreamResponse:
        body = await self._admitted(request)
        found = x509.load_pem_x509_certificates(self.certificate_pem)
        chain = [base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode() for one in found]
        wanted = {"none": [], "single": chain[:1], "chain": chain}[body.get("certificates", "single")]
        key = {"status": "enabled" if self.enabled else "disabled", "algo": list(_FITS)}
        return await self._answer(request, {"key": key, "cert": {"status": "valid", "certificates": wanted}})

    async def _sign(self, request: web.Request) -> web.StreamResponse:
        body = await self._admitted(request)
        key = serialization.load_pem_private_key(self.private_key_pem, None)
        kind, digest = _FITS.get(body.get("signAlgo", ""), (type(None), ""))
        hash_oid = body.get("hashAlgorithmOID", digest)
        digests = [base64.b64decode(one) for one in body.get("hashes", [])]
        sizes = {len(one) for one in digests}
        if not isinstance(key, kind) or hash_oid != digest or sizes != {_HASHES[digest].digest_size}:
            return web.json_response({"error": "invalid_request"}, status=400)
        if self.faults and self.faults[0] is Fault.OTHER:
            self.faults.popleft()
            digests = [bytes(len(one)) for one in digests]
        self.signed += len(digests)
        made = [base64.b64encode(self._made(key, one, _HASHES[digest])).decode() for one in digests]
        return await self._answer(request, {"signatures": made})

    def _made(self, key: Any, digest: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(digest, padding.PKCS1v15(), Prehashed(algorithm))
        signature: bytes = key.sign(digest, ec.ECDSA(Prehashed(algorithm)))
        if not self.raw:
            return signature
        size = (key.key_size + 7) // 8
        return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(signature))

    async def _admitted(self, request: web.Request) -> dict[str, Any]:
        """The body of a call that may be made. Raises what the caller gets otherwise."""
        self.asked.append(request.path.removeprefix("/csc/v2/"))
        if self.away:
            raise web.HTTPServiceUnavailable
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            raise web.HTTPUnauthorized(text='{"error": "invalid_token"}', content_type="application/json")
        body: dict[str, Any] = await request.json()
        if body.get("credentialID") != self.credential:
            raise web.HTTPBadRequest(text='{"error": "invalid_request"}', content_type="application/json")
        return body

    async def _answer(self, request: web.Request, content: dict[str, Any]) -> web.StreamResponse:
        match self.faults.popleft() if self.faults else None:
            case Fault.LOST:
                if request.transport is not None:
                    request.transport.close()
            case Fault.SLOW:
                await asyncio.Event().wait()  # ended with the connection, or with the server
            case Fault.BROKEN:
                return web.Response(status=500)
            case Fault.BUSY:
                return web.Response(status=429)
            case Fault.GARBAGE:
                return web.Response(body=b"<html>")
            case Fault.DEEP:
                return web.Response(body=b"[" * 100_000)
            case Fault.EMPTY:
                return web.json_response({"signatures": []})
        return web.json_response(content)
