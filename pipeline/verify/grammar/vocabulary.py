"""What the parser knows by name: functions, constants, LaTeX commands and Unicode signs."""

from __future__ import annotations


def _table(text: str) -> dict[str, str]:
    """Names and meanings that stand in turn."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


PREFIX_FUNCTIONS = _names(
    """sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth arcsinh arccosh arctanh
    exp ln log lg sgn Re Im det cis"""
)
"""Functions whose argument may stand without parentheses."""
FUNCTIONS = PREFIX_FUNCTIONS | _names("max min gcd lcm abs floor ceil sqrt cbrt factorial binomial")
FUNCTION_ALIASES = _table(
    """asin arcsin acos arccos atan arctan arctg arctan tg tan ctg cot cosec csc ceiling ceil comb binomial sign sgn
    hcf gcd root sqrt asinh arcsinh acosh arccosh atanh arctanh arsinh arcsinh arcosh arccosh artanh arctanh
    Log log Ln ln Sin sin Cos cos Tan tan binom binomial"""
)
INVERSES = _table(
    "sin arcsin cos arccos tan arctan cot arccot sec arcsec csc arccsc sinh arcsinh cosh arccosh tanh arctanh"
)
CONSTANT_WORDS = _table("pi π inf ∞ infty ∞ infinity ∞ Infinity ∞ oo ∞")
SIGN_WORDS = _table(
    """and and or or AND and OR or And and Or or equals = times * plus + minus - negative - mod mod
    percent % percents % pct % degrees ° degree ° union ∪ intersect ∩"""
)

GREEK_COMMANDS = _table(
    """alpha α beta β gamma γ delta δ epsilon ε varepsilon ε zeta ζ eta η theta θ vartheta θ iota ι kappa κ lambda λ
    mu μ nu ν xi ξ rho ρ varrho ρ sigma σ tau τ upsilon υ phi φ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ
    Lambda Λ Xi Ξ Pi Π Sigma Σ Phi Φ Psi Ψ Omega Ω ell l hbar ħ"""
)
SIGN_COMMANDS = _table(
    r"""cdot * times * ast * bullet * div / slash / pm ± mp ∓ le ≤ leq ≤ leqslant ≤ ge ≥ geq ≥ geqslant ≥ lt < gt >
    ne ≠ neq ≠ approx ≈ simeq ≈ cong ≈ equiv = colonequals = in ∈ cup ∪ cap ∩ setminus ∖ backslash ∖ circ ° degree °
    prime ' mid | vert | lvert | rvert | colon : langle ⟨ rangle ⟩ lbrace \{ rbrace \} lbrack [ rbrack ] bmod mod
    land and wedge and lor or vee or lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ to → rightarrow → quad ; qquad ;
    choose choose over over pounds £ euro € textdollar $ cents ¢"""
)
CONSTANT_COMMANDS = _table("pi π infty ∞ emptyset ∅ varnothing ∅ R ℝ Z ℤ N ℕ")
BLACKBOARD = _table("R ℝ Z ℤ N ℕ Q ℚ C ℂ")
IGNORED_COMMANDS = _names(
    """left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr displaystyle textstyle limits nolimits
    boxed fbox middle mathstrut strut hfill noindent scriptstyle large Large bf rm nonumber mathbf mathit mathcal
    boldsymbol bm vec mathsf mathfrak angle triangle overrightarrow"""
)
"""Commands that are dropped; an argument in braces stays, as a group."""
TEXT_COMMANDS = _names("text mbox textbf textit textrm mathrm operatorname textnormal hbox mathtt texttt")
STRUCTURE_COMMANDS = _names("frac sqrt binom overline mathbb sum prod int lim begin end pmod")
COMMAND_ALIASES = _table(
    "dfrac frac tfrac frac cfrac frac dbinom binom tbinom binom mathds mathbb widehat vec hat vec bar overline"
)
ELLIPSES = _names("ldots cdots dots vdots ddots dotsb dotsc")
FUNCTION_WORDS = _names(
    """is are be was of to for if at by as an we it on no per the in all any not but has can one so do did its our yes
    old far sq"""
)
"""Short words of English that are no product of letters."""
MATRIX_ENVIRONMENTS = _names("pmatrix bmatrix matrix Bmatrix smallmatrix array vmatrix Vmatrix")
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

_SIGNS_IN_ASCII = _table("− - – - — - ﹣ - ‐ - ‑ - － - ÷ / ∕ / ⁄ / ′ ' ’ ' ‘ ' ´ ' ∣ | ｜ | ∶ :")
_SIGNS_IN_COMMANDS = _table(
    """× cdot · cdot ⋅ cdot ∙ cdot • cdot ∗ cdot ✕ cdot ✖ cdot ≤ le ≦ le ⩽ le ≥ ge ≧ ge ⩾ ge ≈ approx ≅ approx
    ≃ approx ≠ ne ≡ equiv ∈ in ∪ cup ∩ cap ∖ setminus ± pm ∓ mp ∞ infty → to ∧ land ∨ lor ° degree º degree ˚ degree
    ⟨ langle 〈 langle ⟩ rangle 〉 rangle ∅ emptyset ⌀ emptyset √ sqrt ∑ sum ∏ prod ∫ int ⌊ lfloor ⌋ rfloor ⌈ lceil
    ⌉ rceil ∠ angle △ triangle … ldots ϕ phi ϵ epsilon ϑ theta π pi"""
)
_FRACTION_SIGNS = _table(
    "½ 1/2 ⅓ 1/3 ⅔ 2/3 ¼ 1/4 ¾ 3/4 ⅕ 1/5 ⅖ 2/5 ⅗ 3/5 ⅘ 4/5 ⅙ 1/6 ⅚ 5/6 ⅐ 1/7 ⅛ 1/8 ⅜ 3/8 ⅝ 5/8 ⅞ 7/8 ⅑ 1/9 ⅒ 1/10"
)
_FULL_WIDTH = dict(
    zip("０１２３４５６７８９（）［］｛｝，．；：＋＝＜＞／％＄！、。", "0123456789()[]{},.;:+=<>/%$!,.", strict=True)
)
SIGNS_TO_LATEX = {
    **_SIGNS_IN_ASCII,
    **_FULL_WIDTH,
    **{sign: f"\\{name} " for sign, name in _SIGNS_IN_COMMANDS.items()},
    **{letter: f"\\{name} " for name, letter in GREEK_COMMANDS.items() if not letter.isascii()},
    **{sign: "\\frac{{{}}}{{{}}}".format(*value.split("/")) for sign, value in _FRACTION_SIGNS.items()},
    **{sign: f"\\mathbb{{{letter}}}" for letter, sign in BLACKBOARD.items()},
    "∛": "\\sqrt[3]",
    "∜": "\\sqrt[4]",
}
"""What a Unicode sign means, in LaTeX."""
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿˣⁱ", "0123456789+-()nxi", strict=True))
SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₙₖᵢ", "0123456789+-nki", strict=True))
