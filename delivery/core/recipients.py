"""A recipient as filed: person, standing, consents, addresses, representatives."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from delivery.core import numbers
from delivery.core import vocabulary as words
from delivery.core.fields import NEVER, Fields, note_repeats
from delivery.core.model import Address, Consent, ForeignLaw, PostalAddress, Recipient, Representative, Standing

MOST_RECIPIENTS = 1000
MOST_CONSENTS = 50
MOST_ADDRESSES = 50
MOST_REPRESENTATIVES = 20

LONGEST_SCRIPT = 500
LONGEST_VALUE = 254
"""Characters of a mailbox (RFC 5321 §4.5.3.1.3, without the angle brackets); more than any number or account needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptPolicy:
    """Rehearsal scripts behind the # of an address (contract.md §6). `parse` raises ValueError for one that cannot be
    played; `simulated` are the channel words whose provider here is the simulated one.
    """

    parse: Callable[[str], object]
    simulated: frozenset[str]


def read_recipient(fields: Fields, scripts: ScriptPolicy) -> Recipient:
    """The recipient that these fields describe."""
    kind = fields.word("kind", words.RECIPIENT_KINDS)
    representatives = read_representatives(fields)
    holders = {"recipient", *(one.id for one in representatives)}
    recipient = Recipient(
        id=fields.id(),
        role=fields.word("role", words.ROLES),
        kind=kind,
        name=fields.text("name", most=200) or "",
        id_number=_read_id_number(fields, kind),
        domicile=fields.word("domicile", words.DOMICILES, "mainland"),
        standing=read_standing(fields),
        consents=read_consents(fields),
        addresses=_read_addresses(fields, holders, scripts),
        representatives=representatives,
        foreign_law=read_foreign_law(fields),
    )
    fields.unknown()
    return recipient


def _read_id_number(fields: Fields, kind: str) -> str | None:
    number = fields.text("id_number", most=18, required=False)
    if number is None:
        return None
    if kind == "natural_person" and not numbers.is_identity_number(number):
        says = "It should be an identity number of 18 characters with a real day of birth and its check (GB 11643)."
        fields.fault("id_number", "not_an_identity_number", says)
    if kind == "entity" and not numbers.is_credit_code(number):
        says = "It should be a unified social credit code of 18 symbols with its check symbol (GB 32100)."
        fields.fault("id_number", "not_a_credit_code", says)
    return number


def read_standing(fields: Fields) -> Standing:
    """What the recipient is, and since when; an absent one is normal."""
    given = fields.object("standing", required=False)
    if given is None:
        return Standing()
    standing = Standing(kind=given.word("kind", words.STANDINGS), since=given.instant("since", required=False))
    given.unknown()
    return standing


def read_foreign_law(fields: Fields, *, required: bool = False) -> ForeignLaw:
    """What the recipient's state says of service from abroad."""
    given = fields.object("foreign_law", required=required)
    if given is None:
        return ForeignLaw()
    law = ForeignLaw(
        e_service=given.optional_word("e_service", ("allowed", "silent", "forbidden")),
        mail=given.optional_word("mail", ("allowed", "forbidden")),
    )
    given.unknown()
    return law


def read_consents(fields: Fields) -> tuple[Consent, ...]:
    """The consents to electronic service, each id once."""
    parts = fields.objects("consents", least=0, most=MOST_CONSENTS)
    consents = tuple(read_consent(part) for part in parts)
    note_repeats(parts, [consent.id for consent in consents])
    return consents


def read_consent(fields: Fields) -> Consent:
    """One consent, with its form and scope."""
    consent = Consent(
        id=fields.id(),
        basis=fields.word("basis", words.CONSENT_BASES),
        documents=fields.words("documents", ("all", *words.DOCUMENT_TYPES)),
        stages=fields.words("stages", ("all", *words.STAGES)),
        given_at=fields.instant("given_at") or NEVER,
        withdrawn_at=fields.instant("withdrawn_at", required=False),
    )
    if consent.withdrawn_at and consent.withdrawn_at < consent.given_at:
        fields.fault("withdrawn_at", "before_given", "A consent should be withdrawn after it was given.")
    fields.unknown()
    return consent


def read_representatives(fields: Fields) -> tuple[Representative, ...]:
    """Who stands for the recipient, each id once."""
    parts = fields.objects("representatives", least=0, most=MOST_REPRESENTATIVES)
    representatives = tuple(read_representative(part) for part in parts)
    note_repeats(parts, [one.id for one in representatives])
    return representatives


def read_representative(fields: Fields) -> Representative:
    """One who stands for the recipient."""
    representative = Representative(
        id=fields.id(),
        kind=fields.word("kind", words.REPRESENTATIVE_KINDS),
        name=fields.text("name", least=0, most=200, required=False) or "",
        receipt_authority=fields.optional_word("receipt_authority", words.RECEIPT_AUTHORITIES),
        named_receiver=fields.flag("named_receiver"),
    )
    if representative.id == "recipient":
        fields.fault("id", "reserved", "The word recipient means the recipient: a representative has another id.")
    fields.unknown()
    return representative


# --- addresses -------------------------------------------------------------------------------------------------------


def _read_addresses(fields: Fields, holders: Collection[str], scripts: ScriptPolicy) -> tuple[Address, ...]:
    parts = fields.objects("addresses", least=1, most=MOST_ADDRESSES)
    addresses = tuple(read_address(part, holders, scripts) for part in parts)
    note_repeats(parts, [address.id for address in addresses])
    return addresses


def read_address(fields: Fields, holders: Collection[str], scripts: ScriptPolicy) -> Address:
    """One address. `holders`: the ids that may hold it."""
    channel = fields.word("channel", words.CHANNELS)
    holder = fields.text("holder", most=40, required=False) or "recipient"
    if holder not in holders:
        says = "The holder should be recipient, or the id of one of this recipient's representatives."
        fields.fault("holder", "unknown_holder", says)
    value, script = _read_value(fields, channel, scripts)
    address = Address(
        id=fields.id(),
        channel=channel,
        value=value,
        holder=holder,
        **read_basis(fields),
        script=script,
    )
    fields.unknown()
    return address


def read_basis(fields: Fields) -> dict[str, Any]:
    """How the court came to have an address, and what is known of it: what its legal class follows from."""
    return {
        "basis": fields.word("basis", words.ADDRESS_BASES),
        "given_at": fields.instant("given_at", required=False),
        "confirmed_in": fields.optional_word("confirmed_in", words.STAGES),
        "ownership_proof": fields.optional_word("ownership_proof", words.OWNERSHIP_PROOFS),
        "refused_after_warning": fields.flag("refused_after_warning"),
        "warning_on_record": fields.flag("warning_on_record"),
        "dodging_evidence_on_file": fields.flag("dodging_evidence_on_file"),
        "fault": fields.optional_word("fault", words.ADDRESS_FAULTS),
        "place": fields.optional_word("place", words.PLACES),
        "receipt_there_agreed": fields.flag("receipt_there_agreed"),
    }


_FITS: dict[str, tuple[Callable[[str], bool], str, str]] = {
    "email": (numbers.is_mailbox, "not_a_mailbox", "It should be one mailbox, as name@example.cn, and nothing else."),
    "sms": (
        numbers.is_mobile_number,
        "not_a_mobile_number",
        "It should be a mobile number: 11 digits from 13 to 19 on, with or without +86, or E.164 abroad.",
    ),
    "phone": (
        numbers.is_telephone_number,
        "not_a_telephone_number",
        "It should be a telephone number: a mobile number, a fixed line with its area code, or E.164.",
    ),
    "fax": (
        numbers.is_telephone_number,
        "not_a_telephone_number",
        "It should be a fax number: a fixed line with its area code, a mobile number, or E.164.",
    ),
}


def _read_value(fields: Fields, channel: str, scripts: ScriptPolicy) -> tuple[str | PostalAddress, str | None]:
    if channel == "post":
        return _read_postal(fields, scripts)
    filed = fields.text("value", most=LONGEST_VALUE + 1 + LONGEST_SCRIPT)
    if filed is None or not channel:
        return "", None
    value, script = _cut(filed, fields, channel, scripts, "value")
    fits, code, says = _FITS.get(channel, (_is_short_text, "malformed", "It should be a name or number in one line."))
    if not fits(value):
        fields.fault("value", code, says)
    return value, script


def _is_short_text(value: str) -> bool:
    return 0 < len(value) <= LONGEST_VALUE


def _cut(filed: str, fields: Fields, channel: str, scripts: ScriptPolicy, name: str) -> tuple[str, str | None]:
    """The value, and the script that stood behind its # (contract.md §6)."""
    value, mark, script = filed.partition("#")
    if not mark:
        return filed, None
    if channel not in scripts.simulated:
        says = "This channel is a real one here and plays no script: leave out the # and what follows it."
        fields.fault(name, "script_on_real_channel", says)
    try:
        scripts.parse(script.strip())
    except ValueError:
        says = "What follows the # should be a script of the rehearsal grammar (docs/rehearsal.md)."
        fields.fault(name, "unreadable_script", says)
    return value.rstrip(), script.strip()


def _read_postal(fields: Fields, scripts: ScriptPolicy) -> tuple[PostalAddress, str | None]:
    given = fields.object("value")
    if given is None:
        return PostalAddress(name="", phone="", province="", city="", county="", detail="", postcode=""), None
    says = "It should be a telephone number: a mobile number, a fixed line with its area code, or E.164."
    filed = given.text("detail", most=200 + 1 + LONGEST_SCRIPT) or ""
    detail, script = _cut(filed, given, "post", scripts, "detail")
    if filed and not 0 < len(detail) <= 200:
        given.fault("detail", "malformed", "Street, number and flat should take 1 to 200 characters.")
    address = PostalAddress(
        name=given.text("name", most=100) or "",
        phone=given.text("phone", most=20, fits=numbers.is_telephone_number, says=says) or "",
        province=given.text("province", most=40) or "",
        city=given.text("city", most=40) or "",
        county=given.text("county", least=0, most=40) or "",
        detail=detail,
        postcode=given.text("postcode", most=6, fits=numbers.is_postcode, says="A postcode should be 6 digits.") or "",
    )
    given.unknown()
    return address, script
