"""Traces: the frame in memory that lists, counts and filters them, the bodies in Parquet, and full-text search."""
