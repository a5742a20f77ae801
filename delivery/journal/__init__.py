"""What has happened? Append-only events, and the rows derived from them; the only SQL."""
