"""Third parties that judge our files: pdfsig (Poppler), qpdf, pyHanko's validator; for SM2 openssl, sm-crypto."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asn1crypto import pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from tests import servers
from tests.signing.conftest import AT


@dataclass(frozen=True)
class PdfsigVerdict:
    valid: bool
    whole: bool
    kind: str
    text: str


def pdfsig(content: bytes, folder: Path) -> list[PdfsigVerdict]:
    """What Poppler says of each signature."""
    program = servers.debian("poppler-utils", "pdfsig")
    file = folder / "judged.pdf"
    file.write_bytes(content)
    said = subprocess.run([program, file], capture_output=True, text=True, check=False).stdout
    parts = said.split("Signature #")[1:]
    return [_verdict(part) for part in parts if "form field is not signed" not in part]


def _verdict(text: str) -> PdfsigVerdict:
    kind = text.split("Signature Type: ")[1].split("\n")[0] if "Signature Type: " in text else ""
    return PdfsigVerdict("Signature is Valid." in text, "\n  - Total document signed" in text, kind, text)


def qpdf_complains(content: bytes, folder: Path) -> str:
    """Empty when qpdf finds the structure sound, else its words."""
    program = servers.debian("qpdf", "qpdf")
    file = folder / "checked.pdf"
    file.write_bytes(content)
    answer = subprocess.run([program, "--check", file], capture_output=True, text=True, check=False)
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


def earlier_signatures_hold(content: bytes) -> bool:
    """Whether pyHanko finds every signature but the last intact, and what was added later within what it allows."""
    document = PdfFileReader(io.BytesIO(content), strict=False)
    context = ValidationContext(trust_roots=[], moment=AT, allow_fetching=False)
    judged = (
        validate_pdf_signature(one, signer_validation_context=context) for one in document.embedded_signatures[:-1]
    )
    return all(status.intact and status.valid and status.docmdp_ok for status in judged)


def pyhanko_accepts(content: bytes, certificate_pem: bytes, signature: int = -1) -> bool:
    """Whether one signature (the last by default) is valid, trusted by our anchor, and nothing was changed after it."""
    *_, anchor = (x509.Certificate.load(der) for _, _, der in pem.unarmor(certificate_pem, multiple=True))
    embedded = PdfFileReader(io.BytesIO(content), strict=False).embedded_signatures[signature]
    context = ValidationContext(trust_roots=[anchor], moment=AT, allow_fetching=False)
    status = validate_pdf_signature(embedded, signer_validation_context=context)
    return bool(status.bottom_line)


@contextmanager
def sm_crypto(point: bytes) -> Iterator[Callable[[bytes, bytes], bool]]:
    """Whether npm's sm-crypto accepts a signature (DER) over a message by the key with that public point."""
    with servers.node_server(servers.PROJECT / "tests" / "node" / "sm2verify.js") as (process, line):
        assert line == "ready"

        def judged(message: bytes, signature: bytes) -> bool:
            assert process.stdin
            assert process.stdout
            question = {"message": message.hex(), "key": point.hex(), "signature": signature.hex()}
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip() == "true"

        yield judged


def openssl_accepts_sm2(certificate: Path, message: bytes, signature: bytes) -> bool:
    """Whether openssl does, by a certificate (DER or PEM) and the standard identifier."""
    key, content, seal = (certificate.with_name(name) for name in ("judged.key", "judged.bytes", "judged.sm2"))
    told = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], capture_output=True, check=True)
    key.write_bytes(told.stdout)
    content.write_bytes(message)
    seal.write_bytes(signature)
    words = ["-verify", "-in", content, "-sigfile", seal, "-inkey", key, "-pubin", "-rawin", "-digest", "sm3"]
    done = subprocess.run(
        ["openssl", "pkeyutl", *words, "-pkeyopt", "distid:1234567812345678"], capture_output=True, check=False
    )
    return done.returncode == 0
