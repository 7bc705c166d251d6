"""Every limit of the verifier, with its unit. A text past one of them is refused, never worked on more slowly."""

MAX_COMPLETION_CHARS = 1_000_000
"""A longer completion is refused unread: the longest reasoning traces have some 300,000 characters."""
MAX_ANSWER_CHARS = 4_000
"""The longest answer that is read; the longest gold answer of the public mathematics sets has some 900."""
MAX_NESTING = 40
"""Open brackets, fractions and roots inside one another."""
MAX_TOKENS = 2_000
"""Lexical tokens in one answer."""
MAX_NUMBER_DIGITS = 2_000
"""Digits of one written number; Python itself refuses to read more than 4,300."""
MAX_LIST_ITEMS = 400
"""Items of one list, set or tuple, and entries of one matrix."""
MAX_MATRIX_NODES = 4_000
"""Numbers, letters and operations in the entries of a product of matrices."""
MAX_PROSE_CHARS = 10_000
"""How far from its end a completion is searched for an answer in plain words; marks are found anywhere."""
MAX_NUMBER_BITS = 65_536
"""Size of a numerator or denominator; 2004! has 19,053 bits."""
MAX_WORK = 10_000_000
"""Word operations of one exact evaluation, estimated; some 30 ms."""
MAX_SUM_TERMS = 2_000
"""Terms that are added or multiplied for one sum or product, all of those inside it counted."""
MAX_PRECISION_DIGITS = 3_000
"""Decimal digits of a numeric evaluation, chosen by how far apart the magnitudes in the expression are."""
MAX_NUMERIC_WORK = 10_000.0
"""Operations at 50 digits of one numeric evaluation; one at 3,000 digits counts for 91. Some 100 ms."""
MAX_COMPARISON_MS = 600.0
"""Estimated work of all evaluations of one comparison; with it a case in the calling thread ends well within 3 s."""
MAX_WORKER_MEMORY_BYTES = 512 * 1024**2
"""Address space of a worker or a tested program."""
MAX_WORKER_CASES = 500
"""A worker is replaced after so many cases: what libraries remember does not pile up."""
WORKER_START_SECONDS = 60.0
"""How long the workers' server may take to import sympy on a busy machine."""
MAX_PROGRAM_FILE_BYTES = 16 * 1024**2
"""Size of one file that a tested program may write."""
MAX_PROGRAM_CHARS = 200_000
"""Length of a program that is tested, and of its tests."""
