"""What the parser knows by name: functions, constants, LaTeX commands and Unicode signs."""

from __future__ import annotations

PREFIX_FUNCTIONS = frozenset(
    {
        *("sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "arccot", "arcsec", "arccsc"),
        *("sinh", "cosh", "tanh", "coth", "arcsinh", "arccosh", "arctanh", "exp", "ln", "log", "lg", "sgn", "Re", "Im"),
        "det",
    }
)
"""Functions whose argument may stand without parentheses."""
FUNCTIONS = PREFIX_FUNCTIONS | {
    *("max", "min", "gcd", "lcm", "abs", "floor", "ceil", "sqrt", "cbrt", "factorial", "binomial"),
}
FUNCTION_ALIASES = {
    **{"asin": "arcsin", "acos": "arccos", "atan": "arctan", "arctg": "arctan", "tg": "tan", "ctg": "cot"},
    **{"cosec": "csc", "ceiling": "ceil", "comb": "binomial", "sign": "sgn", "hcf": "gcd", "root": "sqrt"},
    **{"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "arsinh": "arcsinh", "arcosh": "arccosh"},
    **{"artanh": "arctanh", "Log": "log", "Ln": "ln", "Sin": "sin", "Cos": "cos", "Tan": "tan", "binom": "binomial"},
}
INVERSES = {
    **{"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc"},
    **{"sinh": "arcsinh", "cosh": "arccosh", "tanh": "arctanh"},
}
CONSTANT_WORDS = {"pi": "π", "inf": "∞", "infty": "∞", "infinity": "∞", "oo": "∞", "Infinity": "∞"}
SIGN_WORDS = {
    **{
        "and": "and",
        "or": "or",
        "AND": "and",
        "OR": "or",
        "And": "and",
        "Or": "or",
        "equals": "=",
        "in": "∈",
        "times": "*",
        "plus": "+",
    },
    **{
        "minus": "-",
        "negative": "-",
        "mod": "mod",
        "percent": "%",
        "percents": "%",
        "pct": "%",
        "degrees": "°",
        "degree": "°",
    },
    **{"union": "∪", "intersect": "∩"},
}

GREEK_COMMANDS = {
    **{"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ"},
    **{"eta": "η", "theta": "θ", "vartheta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν"},
    **{"xi": "ξ", "rho": "ρ", "varrho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ"},
    **{"chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ"},
    **{"Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "l", "hbar": "ħ"},
}
SIGN_COMMANDS = {
    **{"cdot": "*", "times": "*", "ast": "*", "div": "/", "pm": "±", "mp": "∓", "le": "≤", "leq": "≤", "leqslant": "≤"},
    **{"ge": "≥", "geq": "≥", "geqslant": "≥", "lt": "<", "gt": ">", "ne": "≠", "neq": "≠", "approx": "≈"},
    **{"simeq": "≈", "equiv": "=", "in": "∈", "cup": "∪", "cap": "∩", "setminus": "∖", "backslash": "∖"},
    **{"circ": "°", "degree": "°", "prime": "'", "mid": "|", "vert": "|", "lvert": "|", "rvert": "|", "colon": ":"},
    **{"langle": "⟨", "rangle": "⟩", "lbrace": "\\{", "rbrace": "\\}", "lbrack": "[", "rbrack": "]", "bmod": "mod"},
    **{"land": "and", "wedge": "and", "lor": "or", "vee": "or", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈"},
    **{"rceil": "⌉", "to": "→", "rightarrow": "→", "cong": "≈", "slash": "/", "quad": ";", "qquad": ";"},
    **{
        "bullet": "*",
        "choose": "choose",
        "over": "over",
        "colonequals": "=",
        "pounds": "£",
        "euro": "€",
        "textdollar": "$",
        "cents": "¢",
    },
}
CONSTANT_COMMANDS = {"pi": "π", "infty": "∞", "emptyset": "∅", "varnothing": "∅", "R": "ℝ", "Z": "ℤ", "N": "ℕ"}
BLACKBOARD = {"R": "ℝ", "Z": "ℤ", "N": "ℕ", "Q": "ℚ", "C": "ℂ"}
IGNORED_COMMANDS = frozenset(
    {
        *("left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "Biggl"),
        *("Biggr", "displaystyle", "textstyle", "limits", "nolimits", "boxed", "fbox", "middle", "mathstrut"),
        *("strut", "hfill", "noindent", "scriptstyle", "large", "Large", "bf", "rm", "nonumber", "mathbf", "mathit"),
        *("mathcal", "boldsymbol", "bm", "vec", "mathsf", "mathfrak", "angle", "triangle", "overrightarrow"),
    }
)
"""Commands that are dropped; an argument in braces stays, as a group."""
TEXT_COMMANDS = frozenset(
    {"text", "mbox", "textbf", "textit", "textrm", "mathrm", "operatorname", "textnormal", "hbox", "mathtt", "texttt"}
)
STRUCTURE_COMMANDS = frozenset(
    {"frac", "sqrt", "binom", "overline", "mathbb", "sum", "prod", "int", "lim", "begin", "end", "pmod"}
)
COMMAND_ALIASES = {
    **{"dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "dbinom": "binom", "tbinom": "binom"},
    **{"mathds": "mathbb", "widehat": "vec", "hat": "vec", "bar": "overline"},
}
ELLIPSES = frozenset({"ldots", "cdots", "dots", "vdots", "ddots", "dotsb", "dotsc"})
FUNCTION_WORDS = frozenset(
    {
        *(
            "is",
            "are",
            "be",
            "was",
            "of",
            "to",
            "for",
            "if",
            "at",
            "by",
            "as",
            "an",
            "we",
            "it",
            "on",
            "no",
            "per",
            "the",
        ),
        *(
            "in",
            "all",
            "any",
            "not",
            "but",
            "has",
            "can",
            "one",
            "so",
            "do",
            "did",
            "its",
            "our",
            "yes",
            "old",
            "far",
            "sq",
        ),
    }
)
"""Short words of English that are no product of letters."""
MATRIX_ENVIRONMENTS = frozenset(
    {"pmatrix", "bmatrix", "matrix", "Bmatrix", "smallmatrix", "array", "vmatrix", "Vmatrix"}
)
ALL_COMMANDS = (
    FUNCTIONS
    | FUNCTION_ALIASES.keys()
    | GREEK_COMMANDS.keys()
    | SIGN_COMMANDS.keys()
    | CONSTANT_COMMANDS.keys()
    | IGNORED_COMMANDS
    | TEXT_COMMANDS
    | STRUCTURE_COMMANDS
    | COMMAND_ALIASES.keys()
)

GREEK_LETTERS = {
    **{ord(letter): f"\\{name} " for name, letter in GREEK_COMMANDS.items() if not letter.isascii()},
    **{ord(sign): f"\\{name} " for sign, name in (("ϕ", "phi"), ("ϵ", "epsilon"), ("ϑ", "theta"), ("π", "pi"))},
}
SIGNS = {
    **dict.fromkeys(map(ord, "−–—﹣‐‑－"), "-"),
    **dict.fromkeys(map(ord, "×·⋅∙•∗✕✖"), " \\cdot "),
    **dict.fromkeys(map(ord, "÷∕⁄"), "/"),
    **dict.fromkeys(map(ord, "≤≦⩽"), "\\le "),
    **dict.fromkeys(map(ord, "≥≧⩾"), "\\ge "),
    **dict.fromkeys(map(ord, "≈≅≃"), "\\approx "),
    **dict.fromkeys(map(ord, "°º˚"), "\\degree "),
    **dict.fromkeys(map(ord, "′’‘´"), "'"),
    **dict.fromkeys(map(ord, "⟨〈"), "\\langle "),
    **dict.fromkeys(map(ord, "⟩〉"), "\\rangle "),
    **dict.fromkeys(map(ord, "∣｜"), "|"),
    **dict.fromkeys(map(ord, "∅⌀"), "\\emptyset "),
    **{ord(sign): f"\\mathbb{{{letter}}}" for letter, sign in BLACKBOARD.items()},
    **{ord("≠"): "\\ne ", ord("∈"): "\\in ", ord("∪"): "\\cup ", ord("∩"): "\\cap ", ord("∖"): "\\setminus "},
    **{ord("±"): "\\pm ", ord("∓"): "\\mp ", ord("∞"): "\\infty ", ord("→"): "\\to ", ord("∧"): "\\land "},
    **{ord("∨"): "\\lor ", ord("∶"): ":", ord("≡"): "\\equiv ", ord("√"): "\\sqrt ", ord("∛"): "\\sqrt[3]"},
    **{ord("∑"): "\\sum ", ord("∏"): "\\prod ", ord("∫"): "\\int ", ord("⌊"): "\\lfloor ", ord("⌋"): "\\rfloor "},
    **{ord("⌈"): "\\lceil ", ord("⌉"): "\\rceil ", ord("∠"): " ", ord("△"): " ", ord("…"): "\\ldots "},
    **{ord("½"): "\\frac{1}{2}", ord("⅓"): "\\frac{1}{3}", ord("⅔"): "\\frac{2}{3}", ord("¼"): "\\frac{1}{4}"},
    **{ord("¾"): "\\frac{3}{4}", ord("⅕"): "\\frac{1}{5}", ord("⅖"): "\\frac{2}{5}", ord("⅗"): "\\frac{3}{5}"},
    **{ord("⅘"): "\\frac{4}{5}", ord("⅙"): "\\frac{1}{6}", ord("⅚"): "\\frac{5}{6}", ord("⅐"): "\\frac{1}{7}"},
    **{ord("⅛"): "\\frac{1}{8}", ord("⅜"): "\\frac{3}{8}", ord("⅝"): "\\frac{5}{8}", ord("⅞"): "\\frac{7}{8}"},
    **{ord("⅑"): "\\frac{1}{9}", ord("⅒"): "\\frac{1}{10}"},
    **dict(
        zip(
            map(ord, "０１２３４５６７８９（）［］｛｝，．；：＋＝＜＞／％＄！、。"),
            "0123456789()[]{},.;:+=<>/%$!,.",
            strict=True,
        )
    ),
}
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿˣⁱ", "0123456789+-()nxi", strict=True))
SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₙₖᵢ", "0123456789+-nki", strict=True))
