"""What a tree is worth: exact, to many digits, or by algebra. Read `values.py` first."""
