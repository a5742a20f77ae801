"""What answers on the other side of the wire? Real servers on loopback, for rehearsal and for tests."""
