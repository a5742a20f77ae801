"""Keys at a remote signing service: the Cloud Signature Consortium's API, version 2 (CSC API 2.0), two of its calls.

`credentials/info` tells the key and its certificates, `signatures/signHash` signs a digest. We prove
ourselves with a bearer token (RFC 6750); signing needs nobody's finger (authorisation mode `implicit`).

Every signature that comes back is checked against the certificate: a service that answers something else, by mistake
or on purpose, costs a document's time and never its seal. A lost answer is no doubt: a signature that nobody received
proves nothing, and asking again makes another one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256, sha384
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from adapters.http import AnswerLost, HttpClient, HttpFailure, HttpRefused
from signing.certificates import is_signed, key_facts
from signing.errors import KeyFileUnreadable, KeyRefused, KeyUnavailable
from signing.signer import Algorithm

SHA256, SHA384 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2"
_WAYS: Mapping[Algorithm, tuple[str, str]] = {
    Algorithm.ECDSA_P256_SHA256: ("1.2.840.10045.4.3.2", SHA256),
    Algorithm.ECDSA_P384_SHA384: ("1.2.840.10045.4.3.3", SHA384),
    Algorithm.RSA_PKCS1_SHA256: ("1.2.840.113549.1.1.11", SHA256),
}
"""The `signAlgo` and `hashAlgorithmOID` of each (RFC 5758 §3.2, RFC 8017 appendix A.2.4)."""

LONGEST_CHAIN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteKey:
    """Which credential of which service: a recipe for a signer, without any secret in it.

    `url`: up to and with `/csc/v2`. `token_file`: holds the bearer token, read for each call, so that it can be renewed
    while we run. `timeout`: seconds for one call. Raises ValueError for an address that would carry the token in the
    clear.
    """

    url: str
    credential: str
    token_file: str
    timeout: float = 10.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("url: an https address, except on loopback: the token travels along")

    def __call__(self) -> RemoteSigner:
        """Raises KeyUnavailable, KeyRefused, KeyFileUnreadable."""
        return RemoteSigner(self)


class RemoteSigner:
    """Signs with that credential. Any number of threads."""

    def __init__(self, key: RemoteKey) -> None:
        self._key = key
        self._chain = self._certificates(self._ask("credentials/info", {"certificates": "chain", "certInfo": False}))
        self._algorithm = key_facts(self._chain[0]).algorithm
        if self._algorithm not in _WAYS:
            raise KeyFileUnreadable(f"{self}: a remote key should be on P-256 or P-384, or RSA")

    @property
    def algorithm(self) -> Algorithm:
        return self._algorithm

    @property
    def chain(self) -> tuple[bytes, ...]:
        return self._chain

    def sign(self, message: bytes) -> bytes:
        """Raises KeyUnavailable when no good answer came, KeyRefused where a person has to mend something."""
        sign_algorithm, hash_algorithm = _WAYS[self._algorithm]
        digest = (sha384 if hash_algorithm == SHA384 else sha256)(message).digest()
        wish = {
            "hashes": [base64.b64encode(digest).decode()],
            "hashAlgorithmOID": hash_algorithm,
            "signAlgo": sign_algorithm,
        }
        signature = self._signature(self._ask("signatures/signHash", wish))
        if not is_signed(self._chain[0], message, signature):
            raise KeyUnavailable(f"{self}: what came back is no signature of this key")
        return signature

    def __repr__(self) -> str:
        return f"RemoteSigner({urlsplit(self._key.url).hostname}/{self._key.credential})"

    def _ask(self, call: str, wish: Mapping[str, Any]) -> Any:
        return asyncio.run(self._asked(call, {"credentialID": self._key.credential, **wish}))

    async def _asked(self, call: str, wish: Mapping[str, Any]) -> Any:
        client = HttpClient("remote_signing", timeout=self._key.timeout)
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        try:
            url = f"{self._key.url.rstrip('/')}/{call}"
            answer = await client.post(call, url, body=json.dumps(wish).encode(), headers=headers)
            return json.loads(answer.body)
        except HttpRefused as no:
            if no.status in (408, 429):
                raise KeyUnavailable(f"{self}: not now (HTTP {no.status})") from no
            raise KeyRefused(f"{self}: refused (HTTP {no.status})") from no
        except AnswerLost as lost:
            raise KeyUnavailable(f"{self}: no whole answer to {call}") from lost
        except HttpFailure as away:
            raise KeyUnavailable(f"{self}: nobody answers") from away
        except (ValueError, RecursionError) as garbage:
            raise KeyUnavailable(f"{self}: the answer to {call} is no JSON") from garbage
        finally:
            await client.close()

    def _token(self) -> str:
        try:
            return Path(self._key.token_file).read_text("utf-8").strip()
        except OSError as error:
            raise KeyRefused(f"{self}: the file with the token cannot be read") from error

    def _certificates(self, answer: Any) -> tuple[bytes, ...]:
        """`cert.certificates`, base64, the key's own first."""
        try:
            if answer["key"]["status"] != "enabled":
                raise KeyRefused(f"{self}: the service says that this key is not enabled")
            found = answer["cert"]["certificates"][:LONGEST_CHAIN]
            chain = tuple(base64.b64decode(one, validate=True) for one in found)
        except (KeyError, TypeError, ValueError) as error:
            raise KeyUnavailable(f"{self}: an answer without key and certificates") from error
        if not chain:
            raise KeyRefused(f"{self}: the service has no certificate for this key")
        return chain

    def _signature(self, answer: Any) -> bytes:
        """`signatures`, base64, one for each hash. Services differ in how they write ECDSA: r and s side by
        side, or DER as we do.
        """
        try:
            (one,) = answer["signatures"]
            signature = base64.b64decode(one, validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise KeyUnavailable(f"{self}: an answer without a signature") from error
        half = {Algorithm.ECDSA_P256_SHA256: 32, Algorithm.ECDSA_P384_SHA384: 48}.get(self._algorithm)
        if half is None or len(signature) != 2 * half:
            return signature
        return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
