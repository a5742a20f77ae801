"""Who asks, and who sees? Case systems, providers, recipients, clerks."""
