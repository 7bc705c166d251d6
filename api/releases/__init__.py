"""Releases: made from a slice in the background, and downloaded as streams."""
