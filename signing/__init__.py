"""Makes and judges seals, signed links and proofs of service. Opens no file but its own package data, and no socket."""
