"""An authority at openssl's hands: it makes certificates for requests, as an operator would get them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests import servers

EXTENSIONS = """
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[seal]
basicConstraints = critical, CA:FALSE
keyUsage = critical, {usage}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
SEALING = "digitalSignature, nonRepudiation"


@dataclass(frozen=True)
class OpensslAuthority:
    """A root and an issuer below it, in that folder."""

    folder: Path

    def begin(self) -> OpensslAuthority:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "ca.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n" + EXTENSIONS.format(usage=SEALING))
        self._key("root")
        words = (
            "-x509",
            "-new",
            "-key",
            "root.key",
            "-subj",
            "/CN=Authority Root",
            "-days",
            "20000",
            "-out",
            "root.pem",
        )
        self.run("req", *words, "-config", "ca.cnf", "-extensions", "ca")
        self._key("issuer")
        self.run(
            "req", "-new", "-key", "issuer.key", "-subj", "/CN=Authority", "-out", "issuer.csr", "-config", "ca.cnf"
        )
        self._issue("issuer", by="root", section="ca", days=15000)
        return self

    def issue(self, request: Path, name: str, *, days: int = 10000, digest: str = "sha256", by: str = "issuer") -> Path:
        """The certificate for that request, `name`.pem, alone."""
        (self.folder / f"{name}.csr").write_bytes(request.read_bytes())
        return self._issue(name, by=by, section="seal", days=days, digest=digest)

    def chain(self, *names: str) -> Path:
        target = self.folder / "-".join(("chain", *names))
        target.write_bytes(b"".join((self.folder / f"{name}.pem").read_bytes() for name in names))
        return target

    def run(self, *words: str) -> str:
        command = [servers.debian("openssl", "openssl"), *words]
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout + done.stderr

    def _key(self, name: str) -> None:
        self.run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")

    def _issue(self, name: str, *, by: str, section: str, days: int, digest: str = "sha256") -> Path:
        words = ["-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial"]
        words += ["-extfile", "ca.cnf", "-extensions", section, f"-{digest}", "-out", f"{name}.pem"]
        self.run("x509", *words, "-days", str(days))
        return self.folder / f"{name}.pem"
