"""Fetches revocation data: OCSP answers (RFC 6960, appendix A) and certificate revocation lists (RFC 5280 §4.2.1.13),
from the places that a certificate names, one after the other until one gives what holds.

An answer is kept in memory until its nextUpdate, so a certificate of many seals is asked about once. Who calls this
waits for the network: it is for the background, never for a document that is on its way.
"""

from __future__ import annotations

import hashlib

import structlog

from adapters.http import HttpClient, HttpFailure
from delivery.core.ports import Clock
from signing import revocation
from signing.revocation import Kind, Point, RevocationWrong, Standing

QUESTION = "application/ocsp-request"
TIMEOUT = 10.0
"""Seconds for one place."""

log = structlog.get_logger("adapters.revocation")


class RevocationFetcher:
    """`fetch` gives what is shown of a certificate now, or None when no place gave anything that holds."""

    def __init__(self, *, clock: Clock, http: HttpClient | None = None) -> None:
        self._clock = clock
        self._http = http or HttpClient("revocation", timeout=TIMEOUT, max_answer=revocation.MAX_ANSWER)
        self._known: dict[str, Standing] = {}

    async def close(self) -> None:
        await self._http.close()

    async def fetch(self, certificate: bytes, issuer: bytes) -> tuple[str, bytes] | None:
        """`certificate`, `issuer`: DER. The kind (crl, ocsp) and the DER, judged by `signing.revocation`. Never raises
        for what the world does.
        """
        name = hashlib.sha256(certificate).hexdigest()
        known = self._known.get(name)
        if known is None or known.next_update <= self._clock.now():
            known = await self._asked(certificate, issuer)
        if known is None:
            return None
        self._known[name] = known
        return known.kind.value, known.der

    async def _asked(self, certificate: bytes, issuer: bytes) -> Standing | None:
        for point in _points(certificate):
            try:
                content = await self._carried(point, certificate, issuer)
                return revocation.judged(point.kind, content, certificate, issuer, self._clock.now())
            except (HttpFailure, RevocationWrong, ValueError) as wrong:  # ValueError: an address that is none
                log.warning("no_revocation_data", kind=point.kind.value, words=str(wrong))
        return None

    async def _carried(self, point: Point, certificate: bytes, issuer: bytes) -> bytes:
        if point.kind is Kind.CRL:
            return (await self._http.get("crl", point.url)).body
        body = revocation.question(certificate, issuer)
        return (await self._http.post("ocsp", point.url, body=body, headers={"Content-Type": QUESTION})).body


def _points(certificate: bytes) -> tuple[Point, ...]:
    try:
        return revocation.points(certificate)
    except RevocationWrong as wrong:
        log.warning("no_revocation_data", words=str(wrong))
        return ()
