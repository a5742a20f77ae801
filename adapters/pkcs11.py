"""Keys in a PKCS #11 token (a hardware security module, a UKey, SoftHSM2): they sign there and never leave it.

The library below us starts modules without locks of their own (C_Initialize without arguments, PKCS #11 2.40 §5.4), so
a process calls a module from one thread at a time, and a signer needs one session, which it keeps. Signing in parallel
is a matter of processes: the pool of sessions is as large as the pool of sealing processes, and never larger.

Logging in counts for all sessions of a process (§5.6), and closing the session that did it would end it for all; so one
session logs in and is kept, the others sign. When a session is lost, or the token was taken out and put back,
everything is opened anew: once with what the module knows, once more after the module itself was started again, because
modules look for tokens when they start. A PIN that was refused is not tried again: three wrong ones lock a token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256, sha384
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from signing.certificates import is_signed, key_facts, pem_chain
from signing.errors import KeyFileUnreadable, KeyRefused, KeyUnavailable
from signing.signer import Algorithm

T = TypeVar("T")

_REFUSED = (
    pkcs11.exceptions.PinIncorrect,
    pkcs11.exceptions.PinInvalid,
    pkcs11.exceptions.PinLenRange,
    pkcs11.exceptions.PinLocked,
    pkcs11.exceptions.PinExpired,
)
_NO_SUCH = (pkcs11.exceptions.NoSuchKey, pkcs11.exceptions.MultipleObjectsReturned)
_KEY_TYPES = {
    Algorithm.ECDSA_P256_SHA256: KeyType.EC,
    Algorithm.ECDSA_P384_SHA384: KeyType.EC,
    Algorithm.RSA_PKCS1_SHA256: KeyType.RSA,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pkcs11Key:
    """Which key of which token: a recipe for a signer, without any secret in it.

    `module`: the library's path. `label` or `key_id` (hex) names the key on the token. `certificate`: PEM, the key's
    own first; empty: the token holds it under the same name. `pin_file`: read when the signer is made.
    """

    module: str
    token: str
    pin_file: str
    label: str | None = None
    key_id: str | None = None
    certificate: bytes = b""

    def __call__(self) -> Pkcs11Signer:
        """Raises KeyUnavailable, KeyRefused, KeyFileUnreadable."""
        return Pkcs11Signer(self)


class Pkcs11Signer:
    """Signs with the key that the recipe names. Threads may share it; they wait for each other."""

    def __init__(self, key: Pkcs11Key) -> None:
        self._key = key
        self._module = _module(key.module)
        self._desk: _Desk | None = None
        self._refused_pin: str | None = None
        self._chain = pem_chain(key.certificate) if key.certificate else self._patiently(self._chain_on_token)
        self._algorithm = key_facts(self._chain[0]).algorithm
        if self._algorithm not in _KEY_TYPES:
            raise KeyFileUnreadable(f"{self}: a key on a token should be on P-256 or P-384, or RSA")
        self.sign(b"songda")  # that key and certificate are there is found at the start, not at the first document

    @property
    def algorithm(self) -> Algorithm:
        return self._algorithm

    @property
    def chain(self) -> tuple[bytes, ...]:
        return self._chain

    def sign(self, message: bytes) -> bytes:
        """Raises KeyUnavailable while the token is out, KeyRefused where a person has to mend something."""
        return self._patiently(lambda desk: self._signed(desk, message))

    def __repr__(self) -> str:
        return f"Pkcs11Signer({self._key.token}/{self._key.label or self._key.key_id})"

    # --- sessions ----------------------------------------------------------------------------------------------------

    def _patiently(self, act: Callable[[_Desk], T]) -> T:
        """Do it; after a failure in a new session, and after another one with the module started again."""
        with self._module.lock:
            fault = None
            for last_resort in (False, False, True):
                try:
                    if last_resort:
                        self._module.restart()
                    return act(self._at_hand())
                except _REFUSED as no:
                    raise KeyRefused(f"{self}: the token refuses the PIN") from no
                except _NO_SUCH as no:
                    raise KeyRefused(f"{self}: there should be one key of that name on the token") from no
                except pkcs11.exceptions.PKCS11Error as error:
                    fault = error
                    self._let_go()
            raise KeyUnavailable(f"{self}: the token cannot be used now ({type(fault).__name__})") from fault

    def _at_hand(self) -> _Desk:
        """The kept session, or a new one."""
        if self._desk is None or self._desk.generation != self._module.generation:
            token = self._module.library.get_token(token_label=self._key.token)
            self._log_in(token)
            session = token.open()
            key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, **self._name())
            self._desk = _Desk(self._module.generation, session, key)
        return self._desk

    def _let_go(self) -> None:
        if self._desk is not None:
            with suppress(pkcs11.exceptions.PKCS11Error):
                self._desk.session.close()
        self._desk = None

    def _log_in(self, token: Any) -> None:
        """For all signers of this process, by a session that the module keeps."""
        pin = self._pin()
        if pin == self._refused_pin:
            raise KeyRefused(f"{self}: the token refused this PIN before; it is not tried again")
        try:
            self._module.logged_in.append(token.open(user_pin=pin))
        except pkcs11.exceptions.UserAlreadyLoggedIn:
            return
        except _REFUSED:
            self._refused_pin = pin
            raise

    def _pin(self) -> str:
        try:
            return Path(self._key.pin_file).read_text("utf-8").strip()
        except OSError as error:
            raise KeyRefused(f"{self}: the file with the PIN cannot be read") from error

    def _name(self) -> dict[str, Any]:
        found: dict[str, Any] = {"label": self._key.label} if self._key.label else {}
        return found | ({"id": bytes.fromhex(self._key.key_id)} if self._key.key_id else {})

    # --- what is asked of the token ----------------------------------------------------------------------------------

    def _chain_on_token(self, desk: _Desk) -> tuple[bytes, ...]:
        wanted: dict[Any, Any] = {Attribute.CLASS: ObjectClass.CERTIFICATE}
        wanted |= {Attribute.LABEL: self._key.label} if self._key.label else {}
        wanted |= {Attribute.ID: bytes.fromhex(self._key.key_id)} if self._key.key_id else {}
        found = list(desk.session.get_objects(wanted))
        if len(found) != 1:
            raise KeyRefused(f"{self}: there should be one certificate of that name on the token, or a file")
        return (bytes(found[0][Attribute.VALUE]),)

    def _signed(self, desk: _Desk, message: bytes) -> bytes:
        signature = self._raw(desk, message)
        if not desk.proven and not is_signed(self._chain[0], message, signature):
            raise KeyRefused(f"{self}: the certificate belongs to another key")
        desk.proven = True
        return signature

    def _raw(self, desk: _Desk, message: bytes) -> bytes:
        """Tokens sign digests on curves, and answer r and s side by side (PKCS #11 2.40 §2.3.1)."""
        if self._algorithm is Algorithm.RSA_PKCS1_SHA256:
            return bytes(desk.key.sign(message, mechanism=Mechanism.SHA256_RSA_PKCS))
        digest = (sha384 if self._algorithm is Algorithm.ECDSA_P384_SHA384 else sha256)(message).digest()
        both = bytes(desk.key.sign(digest, mechanism=Mechanism.ECDSA))
        half = len(both) // 2
        return encode_dss_signature(int.from_bytes(both[:half], "big"), int.from_bytes(both[half:], "big"))


@dataclass(slots=True)
class _Desk:
    """A session with the key in it. `generation`: of the module's start; `proven`: it has signed as the certificate."""

    generation: int
    session: Any
    key: Any
    proven: bool = False


class _Module:
    """One library, loaded once for the process. `lock` is held around every call. `logged_in`: the sessions that did
    so, for all. Starting it again ends every session in it: whoever held one sees by `generation` that it is gone.
    """

    def __init__(self, path: str) -> None:
        try:
            self.library = pkcs11.lib(path)
        except (pkcs11.exceptions.PKCS11Error, RuntimeError, OSError) as error:
            raise KeyRefused(f"{path}: this library cannot be loaded") from error
        self.lock = threading.RLock()
        self.generation = 0
        self.logged_in: list[Any] = []

    def restart(self) -> None:
        """Raises PKCS11Error where it does not come back."""
        self.generation += 1
        self.logged_in.clear()
        self.library.reinitialize()


@cache
def _module(path: str) -> _Module:
    return _Module(path)
