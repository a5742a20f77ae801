"""What can go wrong in signing, sorted by what the caller should do.

::

    SigningError
    ├── KeyFileUnreadable   look at the key file: it is damaged, or key and certificate do not belong together
    │   └── WrongPassword   give the right password
    ├── NotSealable         give back the document: it is encrypted, damaged, or its author forbade further signatures
    ├── PageNotShown        ask for another page, or give back the document
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


class NotSealable(SigningError):
    """No seal can be put on this document without breaking it."""


class PageNotShown(SigningError):
    """The page does not exist or cannot be drawn."""


class ProofNotRendered(SigningError):
    """The proof's template did not accept its content."""


class SignerLost(SigningError):
    """The process that worked on this document ended before it answered."""
