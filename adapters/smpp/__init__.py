"""Text messages over SMPP 3.4: one transceiver bind, our own parts, a receipt for every part.

The session is ours, on asyncio: smpp34 gives the PDU codec, but its client answers a receipt before it could be stored.
SMPP knows no repeats and cannot be asked about a message without its id (§4.8): a lost answer stays a question.
A text of several parts is taken once per part and has arrived when all of them have: `Taken.references` are the ids of
all parts, `Unknown.references` of those that were taken before it went wrong, `Receipt.part` is the id of the part that
a receipt is about. (§: SMPP Protocol Specification v3.4 issue 1.2)
"""

from adapters.smpp.channel import SmppChannel
from adapters.smpp.settings import SmppSettings

__all__ = ["SmppChannel", "SmppSettings"]
