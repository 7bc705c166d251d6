"""Reviews: an append-only log of events; what stands follows from it, and undoing is an event too."""
