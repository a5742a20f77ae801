"""A national key on the disk, and the certificate that a court makes for it itself.

The key file is PKCS #8 encrypted by a password: PBES2 with scrypt and AES-256 (RFC 7914 §7, RFC 8018 §6.2), one PEM
block that `openssl pkey` opens, and the certificate after it. pyca/cryptography knows no SM2, so both are written here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asn1crypto import core, keys, pem
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from signing.errors import KeyFileUnreadable, WrongPassword
from signing.national import sm2
from signing.national.sm2 import CURVE_OID, SIZE, SM2_WITH_SM3_OID, Sm2Signer

LARGEST_KEY_FILE = 64 * 1024
COST, BLOCK, LANES = 1 << 14, 8, 1
"""scrypt: 16 MiB, as much as openssl takes by itself."""

PBES2, SCRYPT, AES_256_CBC = "1.2.840.113549.1.5.13", "1.3.6.1.4.1.11591.4.11", "2.16.840.1.101.3.4.1.42"
_BROKEN = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


class _ScryptParams(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("salt", core.OctetString),
        ("cost", core.Integer),
        ("block", core.Integer),
        ("lanes", core.Integer),
        ("length", core.Integer, {"optional": True}),
    ]


class _Kdf(core.Sequence):  # type: ignore[misc]
    _fields = [("algorithm", core.ObjectIdentifier), ("parameters", _ScryptParams)]  # noqa: RUF012


class _Encryption(core.Sequence):  # type: ignore[misc]
    _fields = [("algorithm", core.ObjectIdentifier), ("iv", core.OctetString)]  # noqa: RUF012


class _Pbes2Params(core.Sequence):  # type: ignore[misc]
    _fields = [("kdf", _Kdf), ("encryption", _Encryption)]  # noqa: RUF012


class _Pbes2(core.Sequence):  # type: ignore[misc]
    _fields = [("algorithm", core.ObjectIdentifier), ("parameters", _Pbes2Params)]  # noqa: RUF012


class _EncryptedKey(core.Sequence):  # type: ignore[misc]
    """EncryptedPrivateKeyInfo (RFC 5958 §3), of this one kind."""

    _fields = [("scheme", _Pbes2), ("content", core.OctetString)]  # noqa: RUF012


@dataclass(frozen=True)
class NationalKey:
    """A recipe (signing.file_signer.Recipe) that carries an opened key along, in memory alone."""

    private_key: int = field(repr=False)
    certificate: bytes

    def __call__(self) -> Sm2Signer:
        """Raises KeyFileUnreadable."""
        return Sm2Signer(self.private_key, (self.certificate,))


def make_key_file(password: bytes, *, court_name: str, serial: int, not_before: datetime, not_after: datetime) -> bytes:
    """A new key and a certificate that it signs for itself, as one PEM text. Raises ValueError on an empty password."""
    if not password:
        raise ValueError("a key file needs a password")
    key = sm2.new_private_key()
    certificate = self_signed(key, court_name, serial=serial, not_before=not_before, not_after=not_after)
    block = pem.armor("ENCRYPTED PRIVATE KEY", _encrypted(_private_info(key), password))
    return bytes(block + pem.armor("CERTIFICATE", certificate))


def open_key_file(content: bytes, password: bytes) -> NationalKey:
    """Raises WrongPassword or KeyFileUnreadable, neither of which repeats a byte of the file."""
    if len(content) > LARGEST_KEY_FILE:
        raise KeyFileUnreadable("the key file is too large")
    try:
        blocks = {name: body for name, _, body in pem.unarmor(content, multiple=True)}
        sealed, certificate = blocks["ENCRYPTED PRIVATE KEY"], blocks["CERTIFICATE"]
    except _BROKEN as error:
        raise KeyFileUnreadable("the key file should hold an encrypted key and its certificate") from error
    return NationalKey(_private_key(_decrypted(sealed, password)), certificate)


def self_signed(key: int, court_name: str, *, serial: int, not_before: datetime, not_after: datetime) -> bytes:
    """The DER of a certificate on the SM2 curve, signed with SM2 and SM3 (GM/T 0015)."""
    point, name = sm2.public_point(key), asn1_x509.Name.build({"country_name": "CN", "common_name": court_name})
    algorithm = {"algorithm": SM2_WITH_SM3_OID}
    to_sign = asn1_x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": serial,
            "signature": algorithm,
            "issuer": name,
            "validity": {"not_before": _time(not_before), "not_after": _time(not_after)},
            "subject": name,
            "subject_public_key_info": {"algorithm": _curve(), "public_key": point},
            "extensions": [
                {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": False}},
                {
                    "extn_id": "key_usage",
                    "critical": True,
                    "extn_value": {"digital_signature", "non_repudiation"},
                },
                {"extn_id": "key_identifier", "extn_value": sm2.sm3(point)[:20]},
            ],
        }
    )
    signature = sm2.sign(key, point, to_sign.dump())
    return bytes(
        asn1_x509.Certificate(
            {"tbs_certificate": to_sign, "signature_algorithm": algorithm, "signature_value": signature}
        ).dump()
    )


def _time(at: datetime) -> asn1_x509.Time:
    """RFC 5280 §4.1.2.5: two-digit years until 2049."""
    utc = at.astimezone(UTC).replace(microsecond=0)
    form, kind = ("utc_time", core.UTCTime) if utc.year < 2050 else ("general_time", core.GeneralizedTime)
    return asn1_x509.Time({form: kind(utc)})


def _curve() -> dict[str, Any]:
    return {"algorithm": "ec", "parameters": keys.ECDomainParameters(name="named", value="sm2p256v1")}


def _private_info(key: int) -> bytes:
    inner = keys.ECPrivateKey({"version": 1, "private_key": key, "public_key": sm2.public_point(key)})
    inner["private_key"].set_encoded_width(SIZE)  # of fixed length (RFC 5915 §3)
    info = {"version": 0, "private_key_algorithm": _curve(), "private_key": inner}
    return bytes(keys.PrivateKeyInfo(info).dump())


def _private_key(info: bytes) -> int:
    try:
        found = keys.PrivateKeyInfo.load(info, strict=True)
        if found["private_key_algorithm"]["parameters"].chosen.dotted != CURVE_OID:
            raise KeyFileUnreadable("the key file's key is not on the SM2 curve")
        return int(found["private_key"].parsed["private_key"].native)
    except _BROKEN as error:
        raise KeyFileUnreadable("the key file's key cannot be read") from error


def _encrypted(content: bytes, password: bytes) -> bytes:
    salt, iv = os.urandom(16), os.urandom(16)
    padder = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(Scrypt(salt, 32, COST, BLOCK, LANES).derive(password)), modes.CBC(iv)).encryptor()
    sealed = cipher.update(padder.update(content) + padder.finalize()) + cipher.finalize()
    scrypt = {"salt": salt, "cost": COST, "block": BLOCK, "lanes": LANES}
    how = {
        "kdf": {"algorithm": SCRYPT, "parameters": scrypt},
        "encryption": {"algorithm": AES_256_CBC, "iv": iv},
    }
    return bytes(_EncryptedKey({"scheme": {"algorithm": PBES2, "parameters": how}, "content": sealed}).dump())


def _decrypted(sealed: bytes, password: bytes) -> bytes:
    try:
        opened = _EncryptedKey.load(sealed, strict=True)
        how = opened["scheme"]["parameters"]
        kdf, encryption = how["kdf"], how["encryption"]
        oids = (opened["scheme"]["algorithm"].native, kdf["algorithm"].native, encryption["algorithm"].native)
        found = kdf["parameters"]
        cost = tuple(found[name].native for name in ("cost", "block", "lanes"))
        # The file's own wish for memory is not followed: a key file may come from elsewhere.
        if oids != (PBES2, SCRYPT, AES_256_CBC) or cost != (COST, BLOCK, LANES):
            raise KeyFileUnreadable("the key file is encrypted in a way that is not known here")
        secret = Scrypt(found["salt"].native, 32, COST, BLOCK, LANES).derive(password)
        cipher = Cipher(algorithms.AES(secret), modes.CBC(encryption["iv"].native)).decryptor()
        content = cipher.update(opened["content"].native) + cipher.finalize()
    except (InvalidKey, *_BROKEN) as error:
        raise KeyFileUnreadable("the key file cannot be read") from error
    unpadder = padding.PKCS7(128).unpadder()
    try:
        return unpadder.update(content) + unpadder.finalize()
    except ValueError as error:
        raise WrongPassword("the password does not open the key file") from error
