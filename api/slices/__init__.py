"""Slices: saved filters. They live in the store's folder, so the command line makes the same release of them."""
