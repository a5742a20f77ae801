"""The national algorithms: SM2 signatures over SM3, the seal structure of GB/T 38540."""
