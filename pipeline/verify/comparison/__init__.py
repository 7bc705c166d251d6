"""Whether two answers are the same, by kind and policy. Read `mathematics.py` first, then `compare.py`."""
