"""Short stories from filing to report, told by the real service and real counterparts."""
