"""Court express mail through China Post's EMS open interface for contract customers (api.ems.com.cn).

Form POSTs, the content inside an SM4 envelope. What is known of the wire comes from public clients; the contract
decides it.

The order number is made from the attempt id, and a repeated order is answered with the first waybill: so asking
whether a letter was taken is ordering it again. With `receipt_flag` 7 the return slip is a parcel of its own, ordered
first under an order number of its own, so that its track codes are never read as the letter's: what was delivered to
the court is the slip, not the letter.

A push tells the operation; the codes that say who signed, or why nobody did, come with the track query. A push without
them is no fact yet: `EmsChannel.listen` asks the track at once, and whoever waits for a letter may ask with `track`.

Nothing here counts tries or days: what the carrier's reports mean in law is the rulebook's business.

    envelope.py   SM4 and the key text
    reports.py    a track report becomes a receipt; adapters/ems_codes.toml is its table
    channel.py    order, cancel, label, track
    callback.py   pushes
"""

from __future__ import annotations

from adapters.ems.callback import EmsCallback
from adapters.ems.channel import EmsChannel, EmsSettings

__all__ = ["EmsCallback", "EmsChannel", "EmsSettings"]
