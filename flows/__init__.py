"""How it is run: Prefect flows, the command line, progress. Order and retries, no logic of its own."""
