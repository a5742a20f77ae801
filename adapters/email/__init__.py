"""E-mail over SMTP with delivery reports: channel.py sends and listens, reports.py reads what comes back."""

from __future__ import annotations

from adapters.email.channel import EmailChannel, EmailSettings

__all__ = ["EmailChannel", "EmailSettings"]
