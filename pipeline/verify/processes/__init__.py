"""Processes that are killed in time and may do little: workers for algebra, a sandbox for programs."""
