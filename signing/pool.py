"""Seals, proofs and pictures made in processes of their own, with keys and art loaded once in each.

Signing and drawing hold the interpreter for milliseconds, and what they read comes from outside: in a process of its
own, a document that kills or stalls PDFium costs one answer (`SignerLost`), never the service. The event loop only
waits.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import multiprocessing
import os
import resource
import signal
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from multiprocessing.connection import wait
from typing import ParamSpec, TypeVar

from signing import inspection, pages, pdf, proof, renewal
from signing.certificates import pem_chain
from signing.errors import KeyRefused, NoSealEnabled, SignerLost, SigningError
from signing.evidence import Node, sealed_evidence
from signing.file_signer import Recipe
from signing.national.second import second_seals
from signing.pack import PackContent, seal_imprint, sealed_pack, with_seal_timestamp
from signing.secrecy import keep_memory_private
from signing.signer import Signer
from signing.verify import Verdict, verify

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

LONGEST_TASK = 60
"""Seconds after which a task's process is ended: no honest document takes a tenth of it."""

LARGEST_PROCESS = 4 * 1024**3
"""Bytes of address space of a worker process: a picture that unpacks to more ends its process, not the host."""


@dataclass(frozen=True)
class SecondKey:
    """A key of a court's second seal: its recipe, the DER of its certificate, and between which moments it seals."""

    signer: Recipe = field(repr=False)
    certificate: bytes
    seals_from: datetime
    seals_until: datetime


@dataclass(frozen=True)
class SealKeys:
    """One seal of a court: how its signer is made in a worker process, and between which moments it seals (None: ever).

    A recipe that names a file or a token carries no key; `certificate_pem` tells seals apart.
    """

    signer: Recipe = field(repr=False)
    certificate_pem: bytes
    court_name: str
    label: str
    seals_from: datetime | None = None
    seals_until: datetime | None = None
    national: Sequence[SecondKey] | None = None
    """What the court's second seal may be made with, the newest first; None where it has no second seal."""

    def fits(self, at: datetime) -> bool:
        return (self.seals_from is None or self.seals_from <= at) and (
            self.seals_until is None or at <= self.seals_until
        )


Courts = Mapping[str, Sequence[SealKeys]]
"""By court code, the seals that it may use, the newest first."""


class SealPool:
    """The seals of all courts. `processes` 0 works in one thread of this process (tests, small tools).

    Any method raises what the function of its name raises, and SignerLost when its process died twice over one task.
    """

    def __init__(
        self,
        courts: Courts,
        *,
        processes: int,
        limits: pdf.Limits | None = None,
        first: Callable[[], None] | None = None,
    ) -> None:
        """`first` is what each process does before it loads seals (its logs, say); it travels by its name."""
        self._courts, self._first = courts, first
        self._processes = processes
        self._limits = limits or pdf.Limits()
        self._executor = self._start()
        self.made: Counter[str] = Counter(dict.fromkeys(pdf.Path, 0))
        """How many seals each writer has made for this pool, those of proofs included."""

    def use(self, courts: Courts) -> None:
        """From now on these: keys that were enabled while we run, without those that were revoked. What has begun is
        finished as it began.
        """
        if courts != self._courts:
            before, self._courts = self._executor, courts
            self._executor = self._start()
            before.shutdown(wait=False)

    async def seal(
        self, court: str, content: bytes, at: datetime, reason: str, location: str, *, to_be_stamped: bool = False
    ) -> bytes:
        """`signing.pdf.seal` with the seal of `court` at that moment, with room for a timestamp where one will follow.
        Raises KeyError for a court that is none of ours, NoSealEnabled for one without a key.
        """
        task = functools.partial(_seal, to_be_stamped=to_be_stamped)
        return self._counted(await self._run(task, self._name(court, at), content, at, reason, location))

    async def with_validation_data(
        self, sealed: bytes, certs: Sequence[bytes], ocsps: Sequence[bytes], crls: Sequence[bytes]
    ) -> bytes:
        """`signing.pdf.with_validation_data`."""
        return await self._run(pdf.with_validation_data, sealed, certs, ocsps, crls)

    async def prepared_for_timestamp(self, sealed: bytes) -> pdf.Prepared:
        """`signing.pdf.prepared_for_timestamp`."""
        return await self._run(pdf.prepared_for_timestamp, sealed)

    async def proof(
        self,
        court: str,
        content: proof.ProofContent,
        at: datetime,
        reason: str,
        location: str,
        *,
        evidence: bytes = b"",
        to_be_stamped: bool = False,
    ) -> bytes:
        """The rendered proof with its evidence inside, sealed by `court` in the same visit, with room for a timestamp
        where one will follow.
        """
        task = functools.partial(_proof, evidence=evidence, to_be_stamped=to_be_stamped)
        return self._counted(await self._run(task, self._name(court, at), content, at, reason, location))

    async def evidence(self, court: str, content: Node, at: datetime) -> bytes:
        """`signing.evidence.sealed_evidence` by `court`."""
        return await self._run(_evidence, self._name(court, at), content, at)

    async def pack(self, court: str, content: PackContent, at: datetime) -> bytes:
        """`signing.pack.sealed_pack` by `court`, with its national second seal where it has one."""
        return await self._run(_pack, self._name(court, at), content, at)

    async def seal_imprint(self, pack: bytes) -> bytes | None:
        """`signing.pack.seal_imprint`."""
        return await self._run(seal_imprint, pack)

    async def with_seal_timestamp(self, pack: bytes, token: bytes) -> bytes:
        """`signing.pack.with_seal_timestamp`."""
        return await self._run(with_seal_timestamp, pack, token)

    def _name(self, court: str, at: datetime) -> str:
        keys = next((keys for keys in self._courts[court] if keys.fits(at)), None)
        if keys is None:
            raise NoSealEnabled("this court has no key that may seal now: make one, and let two clerks enable it")
        return _name(court, keys)

    async def weakens(self, pack: bytes) -> renewal.Weakness | None:
        """`signing.renewal.weakens`."""
        return await self._run(renewal.weakens, pack)

    async def last_tokens(self, pack: bytes) -> tuple[bytes, ...]:
        """`signing.renewal.last_tokens`."""
        return await self._run(renewal.last_tokens, pack)

    async def prepared_renewal(
        self, pack: bytes, crls: Sequence[bytes] = (), ocsps: Sequence[bytes] = ()
    ) -> renewal.Prepared:
        """`signing.renewal.prepared`."""
        return await self._run(renewal.prepared, pack, crls=crls, ocsps=ocsps)

    async def renewed(self, prepared: renewal.Prepared, token: bytes) -> bytes:
        """`signing.renewal.renewed`."""
        return await self._run(renewal.renewed, prepared, token)

    def chains(self) -> tuple[tuple[bytes, ...], ...]:
        """The certificates (DER) of every seal in use, each with its issuers."""
        return tuple(pem_chain(keys.certificate_pem) for several in self._courts.values() for keys in several)

    async def page_image(self, content: bytes, page: int, width_px: int) -> bytes:
        """`signing.pages.page_image`: page counted from 1, PNG."""
        return await self._run(pages.page_image, content, page, width_px)

    async def inspect(self, content: bytes) -> pdf.Findings:
        """`signing.pdf.inspect` within the pool's limits; a document that kills its process is `unreadable`."""
        try:
            return await self._run(inspection.inspect, content, self._limits)
        except SignerLost:
            return inspection.unreadable(content)

    async def verify(
        self,
        files: Sequence[tuple[str, bytes]],
        *,
        trust: Sequence[bytes],
        trust_time: Sequence[bytes] = (),
        at: datetime,
        withdrawn: Mapping[str, datetime] | None = None,
    ) -> Verdict:
        """`signing.verify.verify` within the pool's limits of time and memory."""
        return await self._run(verify, files, trust=trust, trust_time=trust_time, at=at, withdrawn=withdrawn)

    def close(self) -> None:
        """Stop taking work and let the processes end; work that has begun is finished first."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _counted(self, sealed: pdf.Sealed) -> bytes:
        self.made[sealed.path] += 1
        return sealed.content

    def _start(self) -> Executor:
        seals = {_name(court, keys): keys for court, several in self._courts.items() for keys in several}
        if self._processes == 0:
            # Loaded in that thread too: a signer may wait for a network there, and here an event loop runs.
            return ThreadPoolExecutor(1, thread_name_prefix="seal", initializer=_load, initargs=(seals,))
        # Spawned, not forked: a fork would copy the parent's threads' locks and open database connections.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._processes, context, initializer=_begin, initargs=(seals, self._first))

    async def _run(self, task: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
        """Run `task` in the pool, and once more in a new one if it broke: a neighbour's document may be to blame."""
        for _ in range(2):
            executor = self._executor
            try:
                return await asyncio.get_running_loop().run_in_executor(executor, _timed, task, given, named)
            except BrokenProcessPool:
                self._replace(executor)
        raise SignerLost("the process that worked on this document ended before it answered")

    def _replace(self, broken: Executor) -> None:
        if self._executor is broken:
            broken.shutdown(wait=False)
            self._executor = self._start()


_known: dict[str, SealKeys] = {}
_signers: dict[str, Signer] = {}
_seals: dict[str, pdf.Seal] = {}
"""The seals of this process, by court and certificate: two pools in one process never take each other's."""


def _name(court: str, keys: SealKeys) -> str:
    return f"{court}:{hashlib.sha256(keys.certificate_pem).hexdigest()}"


def _load(seals: Mapping[str, SealKeys]) -> None:
    """A token that is out now must not end the process, which also looks into documents: it is tried again when it is
    to seal.
    """
    _known.update(seals)
    for name in seals:
        with suppress(SigningError):
            _loaded(name)


def _loaded(name: str) -> pdf.Seal:
    if name not in _seals:
        keys = _known[name]
        _seals[name] = pdf.seal_of(_signer(name), keys.court_name, keys.label)
    return _seals[name]


def _signer(name: str) -> Signer:
    if name not in _signers:
        keys = _known[name]
        _signers[name] = _as_enabled(keys.signer(), pem_chain(keys.certificate_pem)[0])
    return _signers[name]


def _as_enabled(signer: Signer, certificate: bytes) -> Signer:
    """What two clerks enabled is a certificate: another one behind the same name, file or credential seals nothing."""
    if signer.chain[0] != certificate:
        raise KeyRefused("the certificate there is not the one that was enabled: enter it as the next key")
    return signer


def _national(keys: Sequence[SecondKey], at: datetime) -> Signer:
    """Raises NoSealEnabled: a pack without the second seal that the court must have is no pack."""
    for key in keys:
        if key.seals_from <= at <= key.seals_until:
            return _second(key.signer, key.certificate)
    raise NoSealEnabled("this court has no SM2 key that may seal now: two clerks enable one")


@functools.cache
def _second(recipe: Recipe, certificate: bytes) -> Signer:
    """Opened with the first pack, so that no start waits for it."""
    return _as_enabled(recipe(), certificate)


def _begin(seals: Mapping[str, SealKeys], first: Callable[[], None] | None) -> None:
    """Start of a worker process: end with the parent, leave Ctrl-C to it, stay within bounds, load the seals."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory_private()
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST_PROCESS, LARGEST_PROCESS))
    if first:
        first()
    _load(seals)


def _end_with_parent() -> None:
    """A killed parent cannot say goodbye, and the pool's pipes stay open among its workers: watch the parent itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)


def _timed(task: Callable[..., Answer], given: tuple[object, ...], named: dict[str, object]) -> Answer:
    """In a worker process, an unanswered alarm ends it: nothing else stops a loop inside PDFium."""
    if multiprocessing.parent_process() is None:
        return task(*given, **named)
    signal.alarm(LONGEST_TASK)
    try:
        return task(*given, **named)
    finally:
        signal.alarm(0)


def _seal(name: str, content: bytes, at: datetime, reason: str, location: str, *, to_be_stamped: bool) -> pdf.Sealed:
    return pdf.sealed(content, _roomy(name, to_be_stamped), at=at, reason=reason, location=location)


def _roomy(name: str, to_be_stamped: bool) -> pdf.Seal:
    seal = _loaded(name)
    return replace(seal, room=seal.signer.room(pdf.TOKEN_ROOM)) if to_be_stamped else seal


def _proof(
    name: str,
    content: proof.ProofContent,
    at: datetime,
    reason: str,
    location: str,
    *,
    evidence: bytes,
    to_be_stamped: bool,
) -> pdf.Sealed:
    seal = _roomy(name, to_be_stamped)
    return pdf.sealed(proof.render_proof(content, evidence), seal, at=at, reason=reason, location=location)


def _evidence(name: str, content: Node, at: datetime) -> bytes:
    return sealed_evidence(content, _signer(name), at=at)


def _pack(name: str, content: PackContent, at: datetime) -> bytes:
    keys = _known[name]
    if keys.national is not None:
        court, _, _ = name.rpartition(":")
        signer = _national(keys.national, at)
        seals = second_seals(content, signer, court=court, court_name=keys.court_name, label=keys.label, at=at)
        content = replace(content, national=seals)
    return sealed_pack(content, _signer(name), at=at)
