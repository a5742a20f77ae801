"""Documents sealed at the level that the settings ask for, judged by pyHanko's AdES validation and by pdfsig."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from asn1crypto import x509
from asn1crypto.crl import CertificateList
from asn1crypto.ocsp import OCSPResponse
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation.ades import ades_lta_validation, ades_with_time_validation
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.policy_decl import LocalKnowledge, PdfSignatureValidationSpec, SignatureValidationSpec
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer

from adapters.http import HttpClient
from adapters.revocation import RevocationFetcher
from adapters.timestamping import Authority, Timestamping
from delivery.core.model import Document
from delivery.core.seal_level import Level
from delivery.journal.stamps import DOCUMENT
from delivery.worker.lasting import Lasting
from delivery.worker.packing import Packing
from delivery.worker.revoking import RevocationData
from delivery.worker.stamping import Stamping
from signing import revocation
from signing.certificates import chain_pem
from signing.file_signer import PemKey
from signing.pack import SIGNATURES
from signing.pool import SealKeys
from signing.verify import VALID, Number, Result, verify
from tests.signing import judges, revoking
from tests.signing.revoking import Pki
from tests.stage import COURT, START, Stage, address, pdf, recipient, seal_keys, stage
from tests.worker.test_sequencing import LOG


def keys_of(pki: Pki) -> SealKeys:
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    key = pki.keys["seal"].private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
    certificates = chain_pem(pki.chain("seal"))
    return SealKeys(PemKey(key, certificates), certificates, COURT.name_zh, COURT.seal_label)


@dataclass(frozen=True)
class World:
    play: Stage
    pki: Pki
    revocations: RevocationData

    async def sealed(self, key: str = "s-1", arrives: str = "1h") -> tuple[str, bytes]:
        """A delivery of one document of its own, just sealed; and the sealed bytes."""
        content = pdf(key)
        digest = await self.play.files.put(content)
        paper = Document(id="d1", type="summons", title="传票", sha256=digest, pages=1, size=len(content))
        who = recipient(address("email", f"taken; {arrives} arrived"))
        (delivery,) = await self.play.submit(who, documents=[paper], key=key)
        await self.play.settle()
        ((_, sealed),) = (await self.play.delivery(delivery)).sealed
        return delivery, await self.play.files.get(sealed)


@asynccontextmanager
async def world_of(url: str, folder: Path, level: Level, *, keys: SealKeys | None = None) -> AsyncIterator[World]:
    async with (
        revoking.served(folder, START) as pki,
        stage(url, folder, keys=keys or keys_of(pki)) as play,
    ):
        trust = (pki.certificate("root"),)
        http = [HttpClient("asking", timeout=5, first_pause=0.0) for _ in range(2)]
        asked = Timestamping(
            [Authority(name="甲", url=f"{pki.url}/court/tsa/tsa", trust=trust)], clock=play.clock, http=http[0]
        )
        fetcher = RevocationFetcher(clock=play.clock, http=http[1])
        data = RevocationData(play.journal, play.clock, fetcher, play.bench.seals.chains, asked.anchors)
        stamping = Stamping(play.journal, play.clock, asked)
        lasting = Lasting(levels={COURT.code: level}, seals=play.bench.seals, stamping=stamping, revocations=data)
        play.bench = replace(play.bench, stamping=stamping, lasting=lasting)
        try:
            yield World(play, pki, data)
        finally:
            await asked.close()
            await fetcher.close()


async def pyhanko_says(content: bytes, pki: Pki, *, archived: bool) -> object:
    """The indication; nothing is fetched, and whoever is not shown to be alive is not believed. An archived one is
    asked about an hour later, when the responder's answer is no longer fresh: the timestamp over it proves its age.
    """
    reader = PdfFileReader(io.BytesIO(content))
    (embedded,) = reader.embedded_regular_signatures
    root = x509.Certificate.load(pki.certificate("root"))
    trusting = CertValidationPolicySpec(SimpleTrustManager.build([root]), CertRevTrustPolicy(REQUIRE_REVINFO))
    later = START + (timedelta(hours=1) if archived else timedelta(seconds=30))
    timing = ValidationTimingInfo(validation_time=later, best_signature_time=later, point_in_time_validation=True)
    if archived:
        spec = PdfSignatureValidationSpec(SignatureValidationSpec(trusting))
        return (await ades_lta_validation(embedded, spec, timing)).ades_subindic
    store = DocumentSecurityStore.read_dss(reader)
    known = LocalKnowledge(
        known_crls=[CRLContainer(CertificateList.load(one.get_object().data)) for one in store.crls],
        known_ocsps=[each for one in store.ocsps for each in _answers(one.get_object().data)],
        known_certs=list(store.load_certs()),
    )
    plain = SignatureValidationSpec(trusting, local_knowledge=known)
    digest = embedded.compute_digest()
    return (await ades_with_time_validation(embedded.signed_data, plain, timing, raw_digest=digest)).ades_subindic


def _answers(content: bytes) -> list[OCSPContainer]:
    return OCSPContainer.load_multi(OCSPResponse.load(content))


def levels_in(content: bytes) -> tuple[int, int, int]:
    """Document timestamps, OCSP answers, revocation lists."""
    reader = PdfFileReader(io.BytesIO(content))
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return len(reader.embedded_timestamp_signatures), 0, 0
    return len(reader.embedded_timestamp_signatures), len(store.ocsps), len(store.crls)


@pytest.mark.parametrize(
    ("level", "inside"),
    [(Level.B_B, (0, 0, 0)), (Level.B_T, (0, 0, 0)), (Level.B_LT, (0, 1, 1)), (Level.B_LTA, (1, 1, 1))],
)
async def test_a_document_is_sealed_at_its_level(
    level: Level, inside: tuple[int, int, int], sqlite_url: str, tmp_path: Path
) -> None:
    async with world_of(sqlite_url, tmp_path, level) as world:
        await world.sealed("before")  # the first token shows who its authority is
        await world.revocations.look()
        _, content = await world.sealed("then")
        assert levels_in(content) == inside
        signer = PdfFileReader(io.BytesIO(content)).embedded_regular_signatures[0].signer_info
        assert bool(len(signer["unsigned_attrs"])) == level.holds(Level.B_T)
        if level.holds(Level.B_LT):
            archived = level is Level.B_LTA
            assert isinstance(await pyhanko_says(content, world.pki, archived=archived), AdESPassed)
        root = world.pki.certificate("root")
        verdict = await asyncio.to_thread(verify, [("d.pdf", content)], trust=[root], at=START + timedelta(days=1))
        assert verdict.exit == VALID
        (found, *_) = judges.pdfsig(content, tmp_path)
        assert found.valid
        assert judges.qpdf_complains(content, tmp_path) == ""


async def test_what_nobody_shows_is_left_out_and_said(sqlite_url: str, tmp_path: Path) -> None:
    async with world_of(sqlite_url, tmp_path, Level.B_LT) as world:
        with structlog.testing.capture_logs() as logs:
            _, content = await world.sealed()
        assert levels_in(content) == (0, 0, 0)
        told = [line for line in logs if line["event"] == "seal_below_its_level"]
        assert [line["missing"] for line in told] == ["revocation data"]


async def test_a_self_made_key_has_no_issuer_to_ask(sqlite_url: str, tmp_path: Path) -> None:
    async with world_of(sqlite_url, tmp_path, Level.B_LTA, keys=seal_keys()) as world:
        with structlog.testing.capture_logs() as logs:
            await world.revocations.look()
            _, content = await world.sealed()
        assert levels_in(content)[:2] == (1, 0)
        assert {line["words"] for line in logs if line["event"] == "no_revocation_data"} == {revocation.NONE_KEPT}


async def test_an_authority_that_is_away_keeps_no_document_back(sqlite_url: str, tmp_path: Path) -> None:
    async with world_of(sqlite_url, tmp_path, Level.B_LTA) as world:
        lasting = world.play.bench.lasting
        assert lasting is not None
        away, back = Timestamping([], clock=world.play.clock), lasting.stamping._timestamper
        lasting.stamping._timestamper = away
        delivery, content = await world.sealed()
        assert levels_in(content) == (0, 0, 0)
        ((_, digest),) = (await world.play.delivery(delivery)).sealed
        assert await world.play.journal.stamp_of(DOCUMENT, digest) is None
        assert await lasting.stamping.missing_since() is not None
        lasting.stamping._timestamper = back
        assert await lasting.stamping.catch_up()
        assert await world.play.journal.stamp_of(DOCUMENT, digest) is not None


def packing_of(world: World) -> Packing:
    return Packing(
        journal=world.play.journal,
        documents=world.play.files,
        seals=world.play.bench.seals,
        clock=world.play.clock,
        log_key=str(LOG),
        revocations=world.revocations,
        stamping=world.play.bench.stamping,
    )


async def test_packs_carry_what_was_shown(sqlite_url: str, tmp_path: Path) -> None:
    async with world_of(sqlite_url, tmp_path, Level.B_T) as world:
        delivery, _ = await world.sealed(arrives="1m")  # the authority's clock stands still
        await world.revocations.look()
        await world.play.play(timedelta(hours=2))
        packing = packing_of(world)
        container = await packing.pack(await world.play.delivery(delivery))
        assert container is not None
        with zipfile.ZipFile(io.BytesIO(container)) as opened:
            held = {name for name in opened.namelist() if name.startswith(("revocation/", "certificates/"))}
        assert {name for name in held if "revocation" in name} == {"revocation/1.crl", "revocation/1.ocsp"}
        assert len(held) == 2 + 3  # seal, authority, root
        root, at = world.pki.certificate("root"), START + timedelta(days=1)
        verdict = await asyncio.to_thread(verify, [("p.asice", container)], trust=[root], at=at)
        of_seal = {step.number: step.result for step in verdict.steps if step.part.endswith(SIGNATURES)}
        assert verdict.exit == VALID
        wanted = (Number.TRUST, Number.REVOCATION, Number.TIME)
        assert [of_seal[number] for number in wanted] == [Result.PASSED] * 3


async def test_a_pack_that_lacked_revocation_data_is_made_anew_once(sqlite_url: str, tmp_path: Path) -> None:
    async with world_of(sqlite_url, tmp_path, Level.B_T) as world:
        delivery, _ = await world.sealed(arrives="1m")
        await world.play.play(timedelta(hours=2))

        async def held() -> tuple[bytes, bool]:
            container = await packing_of(world).pack(await world.play.delivery(delivery)) or b""
            with zipfile.ZipFile(io.BytesIO(container)) as opened:
                return container, any(name.startswith("revocation/") for name in opened.namelist())

        lacking, has_none = await held()
        assert (await held(), has_none) == ((lacking, False), False)
        await world.revocations.look()
        whole, has_some = await held()
        assert (await held(), has_some) == ((whole, True), True)
