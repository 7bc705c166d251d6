"""Queues: a slice's traces handed out to people, so many for each, under leases that expire."""
