"""The national second seal of a pack: SM2 over each PDF in it, and a seal of GB/T 38540 over its proof.

Detached, so the PDFs stay as they were sent; made when a pack is put together, never while something is to be sent.
"""

from __future__ import annotations

from datetime import datetime

from signing.national.picture import svg
from signing.national.ses import SealPicture, make_seal, sign_with_seal
from signing.national.sm2 import validity_of
from signing.pack import PROOF, NationalSeals, PackContent, pdfs
from signing.seal_art import DIAMETER
from signing.signer import Signer


def second_seals(
    content: PackContent, signer: Signer, *, court: str, court_name: str, label: str, at: datetime
) -> NationalSeals:
    """By the court's SM2 key, at `at` (aware). Raises SigningError when the key cannot be used."""
    certificate = signer.chain[0]
    seal = _seal(signer, court, court_name, label)
    return NationalSeals(
        certificate=certificate,
        sm2=tuple((one.name, signer.sign(one.content)) for one in pdfs(content)),
        ses=sign_with_seal(seal, signer, content.proof, at=at, property_info=PROOF),
    )


def _seal(signer: Signer, court: str, court_name: str, label: str) -> bytes:
    """The court is its own seal maker here, and its certificate's dates are the seal's (docs/operating.md)."""
    begin, end = validity_of(signer.chain[0])
    return make_seal(
        signer,
        seal_id=court,
        name=f"{court_name}{label}",
        signers=[signer.chain[0]],
        picture=SealPicture(kind="SVG", data=svg(court_name, label), width=round(DIAMETER), height=round(DIAMETER)),
        made_at=begin,
        valid_from=begin,
        valid_until=end,
    )
