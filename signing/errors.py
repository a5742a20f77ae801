"""What can go wrong in signing, sorted by what the caller should do.

::

    SigningError
    ├── KeyFileUnreadable   look at the key file: it is damaged, or key and certificate do not belong together
    │   └── WrongPassword   give the right password
    ├── KeyUnavailable      try again later: the token is out, the signing service is away or did not answer whole
    ├── KeyRefused          look at the settings: wrong PIN or credentials, no such key, key and certificate differ
    ├── NoSealEnabled       enable a key of this court: two clerks do that
    ├── NotSealable         give back the document: it is encrypted, damaged, or its author forbade further signatures
    ├── NotOpened           (signing.at_rest) restore it: what lies in the store was changed, or its key is not here
    ├── LedgerWrong         trust none of it: a note, checkpoint, tile or proof is malformed or not genuine
    ├── PageNotShown        ask for another page, or give back the document
    ├── TimestampWrong      (signing.timestamp) ask another authority: the answer proves nothing
    ├── EvidenceNotWritten  report a fault in songda: the content does not fit the published schema
    ├── ProofNotRendered    report a fault in songda: the template refused the content
    └── SignerLost          try again later: the process that worked on it died or took too long

No message carries key material, passwords or the content of a document.
"""

from __future__ import annotations


class SigningError(Exception):
    """The root: whatever signing refuses to do."""


class KeyFileUnreadable(SigningError):
    """The key file, or the key and certificate taken from it, cannot be used."""


class WrongPassword(KeyFileUnreadable):
    """The password does not open the key file."""


class KeyUnavailable(SigningError):
    """The key exists and cannot be reached now; nothing was signed that anybody relies on."""


class KeyRefused(SigningError):
    """The place where the key is refuses us, and will until a person mends it; it is not asked again and again."""


class NoSealEnabled(SigningError):
    """The court has no key that may seal on that day."""


class NotSealable(SigningError):
    """No seal can be put on this document without breaking it."""


class LedgerWrong(SigningError):
    """A note, a checkpoint, a tile or a proof of the ledger is not what it should be."""


class PageNotShown(SigningError):
    """The page does not exist or cannot be drawn."""


class EvidenceNotWritten(SigningError):
    """The content of the evidence does not fit its schema."""


class ProofNotRendered(SigningError):
    """The proof's template did not accept its content."""


class SignerLost(SigningError):
    """The process that worked on this document ended before it answered."""
