"""Judging many traces at once: previewed, and undone as one."""
