"""A real SoftHSM2 token in a folder of its own, filled by Debian's opensc: what a court's module looks like."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.pkcs11 import Pkcs11Key, _module
from signing.file_signer import load_private_key, private_pem
from signing.keys import KeyFile, open_key_file
from tests import servers

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "482911"


@dataclass(frozen=True)
class Token:
    """A token that `taken_out` and `put_back` act upon like a hand that pulls a UKey."""

    label: str
    folder: Path
    pin_file: Path

    def put(self, keys: KeyFile, password: bytes, *, label: str, key_id: str, certificate: bool = True) -> None:
        """Private key and certificate onto the token, as an operator would."""
        opened = open_key_file(keys.content, password)
        key, cert = self.folder / "key.pem", self.folder / "cert.pem"
        key.write_bytes(private_pem(load_private_key(opened.private_key_pem, None), None))
        cert.write_bytes(opened.certificate_pem)
        names = ["--id", key_id, "--label", label]
        self._tool("--write-object", key, "--type", "privkey", *names)
        if certificate:
            self._tool("--write-object", cert, "--type", "cert", *names)
        key.unlink()

    def key(self, label: str | None = "seal", **more: object) -> Pkcs11Key:
        known = {"module": MODULE, "token": self.label, "pin_file": str(self.pin_file), "label": label}
        return Pkcs11Key(**{**known, **more})  # type: ignore[arg-type]

    def taken_out(self) -> None:
        shutil.move(self.folder / "tokens", self.folder / "elsewhere")
        (self.folder / "tokens").mkdir()

    def put_back(self) -> None:
        (self.folder / "tokens").rmdir()
        shutil.move(self.folder / "elsewhere", self.folder / "tokens")

    def _tool(self, *words: str | Path) -> None:
        command = [servers.debian("opensc", "pkcs11-tool"), "--module", MODULE, "--login", "--pin", PIN]
        command = [*map(str, command), "--token-label", self.label, *map(str, words)]
        subprocess.run(command, check=True, capture_output=True, env=os.environ)


@contextmanager
def softhsm(folder: Path, label: str) -> Iterator[Token]:
    """An empty token in that folder, which this process and its children see while the context lasts."""
    util = servers.debian("softhsm2", "softhsm2-util")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    (pin_file := folder / "pin").write_text(PIN + "\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    try:
        words = ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "73195500"]
        subprocess.run([util, *words], check=True, capture_output=True, env=os.environ)
        with _module(MODULE).lock:
            _module(MODULE).restart()  # it may have read another test's settings before
        yield Token(label, folder, pin_file)
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before
