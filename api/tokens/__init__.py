"""Bearer tokens: scoped, expiring, stored as hashes, shown once."""
