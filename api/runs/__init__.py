"""Runs: Prefect's deployments, started by name and watched. The flows themselves are never imported."""
