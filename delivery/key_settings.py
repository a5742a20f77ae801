"""Where a court's keys are: the tables `key` and `national` of its settings. Every mistake is told at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

KINDS = ("file", "pkcs11", "remote")
ALGORITHMS = ("p-256", "p-384", "rsa-2048", "rsa-3072", "rsa-4096")
"""What `songda keys make` can make in a file."""

_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_HEX = frozenset("0123456789abcdefABCDEF")
LONGEST_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """file: `algorithm` of keys made here. pkcs11: `module` (the library's path), `token`, `label` and/or `key_id`,
    `pin_file`, and `certificate_file` where the token holds none. remote: `url`, `credential`, `token_file`, `timeout`
    in seconds. Files are in the folder `keys` of the data folder, unless the path is absolute.
    """

    kind: str = "file"
    algorithm: str = "p-256"
    module: str = ""
    token: str = ""
    label: str = ""
    key_id: str = ""
    certificate_file: str = ""
    pin_file: str = ""
    url: str = ""
    credential: str = ""
    token_file: str = ""
    timeout: float = 10.0


NATIONAL_KINDS = ("file",)


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalSettings:
    """The SM2 key of a court's second seal. `file`: in the folder `keys` of the data folder; else `<court>-sm2.pem`."""

    kind: str = "file"
    file: str = ""


_NAMES: Mapping[str, tuple[str, ...]] = {
    "file": ("algorithm",),
    "pkcs11": ("module", "token", "label", "key_id", "certificate_file", "pin_file"),
    "remote": ("url", "credential", "token_file", "timeout"),
}
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "file": (),
    "pkcs11": ("module", "token", "pin_file"),
    "remote": ("url", "credential", "token_file"),
}


def read_key(row: Any) -> tuple[KeySettings, list[str]]:
    """The settings as far as they can be read, and their faults, each with its place below `key`."""
    if not isinstance(row, dict):
        return KeySettings(), ["key: must be a table, such as {kind = 'file'}"]
    kind = row.get("kind")
    if kind not in KINDS:
        return KeySettings(), [f"key/kind: one of {', '.join(KINDS)}"]
    faults = [*_faults(kind, row)]
    return (KeySettings() if faults else KeySettings(**row)), faults


def read_national(row: Any) -> tuple[NationalSettings | None, list[str]]:
    """The settings of the second seal, None where there is none, and their faults, each with its place."""
    if row is None:
        return None, []
    if not isinstance(row, dict):
        return None, ["national: must be a table, such as {kind = 'file'}"]
    faults = [] if row.get("kind") in NATIONAL_KINDS else [f"national/kind: one of {', '.join(NATIONAL_KINDS)}"]
    faults += [f"national/{name}: no such setting" for name in row if name not in ("kind", "file")]
    if "file" in row and not (isinstance(row["file"], str) and _FILE.fullmatch(row["file"])):
        faults.append("national/file: the name of a file in keys, such as 632801-sm2.pem")
    return (None if faults else NationalSettings(**row)), faults


def _faults(kind: str, row: Mapping[str, Any]) -> Iterator[str]:
    for name, value in row.items():
        if name != "kind" and name not in _NAMES[kind]:
            yield f"key/{name}: no such setting of a key of the kind {kind}"
        elif name != "timeout" and not (isinstance(value, str) and value):
            yield f"key/{name}: a text is needed"
    yield from (f"key/{name}: is needed" for name in _NEEDED[kind] if name not in row)
    yield from {"file": _file, "pkcs11": _pkcs11, "remote": _remote}[kind](row)


def _file(row: Mapping[str, Any]) -> Iterator[str]:
    if row.get("algorithm", ALGORITHMS[0]) not in ALGORITHMS:
        yield f"key/algorithm: one of {', '.join(ALGORITHMS)}"


def _pkcs11(row: Mapping[str, Any]) -> Iterator[str]:
    if not (row.get("label") or row.get("key_id")):
        yield "key/label: name the key on the token by its label, its key_id, or both"
    key_id = row.get("key_id", "")
    if isinstance(key_id, str) and (len(key_id) % 2 or not set(key_id) <= _HEX):
        yield "key/key_id: hex digits, two for each byte, such as 01"
    if isinstance(module := row.get("module"), str) and not module.startswith("/"):
        yield "key/module: the whole path of the library that the token's maker delivers"


def _remote(row: Mapping[str, Any]) -> Iterator[str]:
    timeout = row.get("timeout", 1.0)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= LONGEST_TIMEOUT:
        yield f"key/timeout: seconds, above 0 and at most {LONGEST_TIMEOUT:.0f}"
    if isinstance(url := row.get("url"), str) and not _private(url):
        yield "key/url: an https address, except on loopback: the token travels along"


def _private(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    return bool(parts.hostname) and (parts.scheme == "https" or loopback)
