"""Where the answer stands in a completion: marks, boxes, sentences, programs. Read `extract.py` first."""
