"""From an answer's text to a tree of nodes. Read `nodes.py` first, then `parser.py` and what it inherits from."""
