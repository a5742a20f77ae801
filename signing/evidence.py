"""The evidence of a delivery as sealed XML, after our own published schema (templates/evidence-1.xsd).

What it says is decided elsewhere and comes here as plain elements; here it is written, checked against the schema and
sealed, and read back for those who have the file alone.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lxml import etree

from signing import xades
from signing.errors import EvidenceNotWritten
from signing.signer import Signer

NAMESPACE = "urn:songda:evidence:1"
MEDIA_TYPE = "application/xml"
LARGEST = 16 * 1024 * 1024
"""Bytes of an evidence file that is read; real ones take some 10,000."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, however it is written (XML 1.0 §2.2)."""


@dataclass(frozen=True)
class Node:
    """One element of our schema. Attributes whose value is None are left out."""

    name: str
    attributes: tuple[tuple[str, str | None], ...] = ()
    children: tuple[Node, ...] = ()
    text: str = ""


def sealed_evidence(content: Node, signer: Signer, *, at: datetime) -> bytes:
    """The evidence as XML with a XAdES seal over all of it, made at `at` (aware).

    Raises EvidenceNotWritten when the content does not fit the schema, SigningError when the key cannot be used.
    """
    root = _element(content)
    if not _schema().validate(root):
        raise EvidenceNotWritten(f"evidence that does not fit its schema: {_misfit()}")
    return xades.enveloped(root, signer, at=at, media_type=MEDIA_TYPE)


def schema_text() -> bytes:
    """The published schema."""
    return importlib.resources.files("signing").joinpath("templates", "evidence-1.xsd").read_bytes()


def explanation_of(evidence: bytes) -> dict[str, Any]:
    """Effect of each document with its reasons, and the rulebook, from sealed evidence: JSON-ready.

    The seal is not checked here. Raises ValueError for what is no such evidence.
    """
    root = _read(evidence)
    rulebook = root.find(_name("Rulebook"))
    files = {one.get("name"): one.get("sha256") for one in root.iterfind(f"{_name('Rulebook')}/{_name('File')}")}
    return {
        "proof": root.find(_name("Proof")).get("number"),
        "rulebook": {"name": rulebook.get("name"), "version": rulebook.get("version"), "sha256": files},
        "documents": [_effect(one) for one in root.iterfind(f"{_name('Effects')}/{_name('Effect')}")],
    }


def _effect(effect: Any) -> dict[str, Any]:
    said = {one.get("lang"): one.text or "" for one in effect.iterfind(_name("Explanation"))}
    return {
        **{name: effect.get(name) for name in ("document", "outcome", "effectiveDate", "rule")},
        "grounds": [one.text for one in effect.iterfind(_name("Ground"))],
        "explanation": said.get("en", ""),
        "explanation_zh": said.get("zh", ""),
        "deadlines": [dict(one.attrib) for one in effect.iterfind(_name("Deadline"))],
    }


def _read(evidence: bytes) -> Any:
    """The tree of an evidence file: no DTD, no entity, no network, nothing huge."""
    if len(evidence) > LARGEST:
        raise ValueError("evidence should not be that large")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root: Any = etree.fromstring(evidence, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError("evidence should be XML") from error
    if root.getroottree().docinfo.doctype or not _schema().validate(root):
        raise ValueError("evidence should fit its schema")
    return root


def _element(node: Node, parent: etree._Element | None = None) -> etree._Element:
    attributes = {name: _clean(value) for name, value in node.attributes if value is not None}
    if parent is None:
        element = etree.Element(_name(node.name), attributes, nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    else:
        element = etree.SubElement(parent, _name(node.name), attributes)
    if node.text:
        element.text = _clean(node.text)
    for child in node.children:
        _element(child, element)
    return element


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


@functools.cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(schema_text()))


def _misfit() -> str:
    """Where the schema was not met: the place alone, as the words of libxml2 repeat values."""
    faults: Any = _schema().error_log
    return f"{faults[0].path or ''} {faults[0].type_name}" if len(faults) else ""
