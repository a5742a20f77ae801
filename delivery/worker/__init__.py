"""How is it made to happen? Claim, decide, announce, act, record."""
