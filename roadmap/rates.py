"""The internal rate of return, and whether there is exactly one.

A rate r > −1 with NPV(r) = 0 is a positive root x = 1 ÷ (1 + r) of Σ CFₜ xᵗ. Sturm's theorem counts the distinct roots
exactly (in whole numbers), so that *none* and *more than one* are told apart from *not found*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm

Polynomial = list[int]  # coefficients from x⁰ up, the last one not 0

PRECISION = Fraction(1, 10**14)


@dataclass(frozen=True)
class InternalRate:
    """`rate` is per period; None with a reason where no rate, or more than one, makes the flows worth nothing."""

    rate: Decimal | None
    reason: str = ""


def irr(flows: Sequence[Decimal]) -> InternalRate:
    polynomial = _whole(flows)
    if len(polynomial) < 2:
        return InternalRate(None, "no rate exists: there is cash flow in one direction or month only")
    if not _sign_changes([float(_sign(term)) for term in polynomial]):
        return InternalRate(None, "no rate exists: all cash flows point the same way")
    chain = _sturm(polynomial)
    if len(chain[-1]) > 1:  # the last one is gcd(p, p′): without it the same roots stand, each once
        chain = _sturm(_quotient(polynomial, chain[-1]))
    low, high = Fraction(0), _bound(polynomial)
    roots = _variations(chain, low) - _variations(chain, high)
    if roots != 1:
        return InternalRate(None, "no rate exists" if roots == 0 else f"more than one rate exists: {roots}")
    while high - low > PRECISION * high:
        middle = Fraction(round((low + high) / 2 * 2**80), 2**80) if high > Fraction(1, 2**20) else (low + high) / 2
        if _variations(chain, low) - _variations(chain, middle) == 1:
            high = middle
        else:
            low = middle
    root = (low + high) / 2
    return InternalRate((Decimal(root.denominator) / Decimal(root.numerator) - 1).quantize(Decimal("1e-10")))


def _whole(flows: Sequence[Decimal]) -> Polynomial:
    """The flows as whole numbers without common factor; zero months at both ends move no root and are cut."""
    fractions = [Fraction(flow) for flow in flows]
    scale = lcm(*(flow.denominator for flow in fractions))
    terms = [int(flow * scale) for flow in fractions]
    while terms and terms[0] == 0:
        terms.pop(0)
    return _primitive(terms)


def _primitive(terms: Polynomial) -> Polynomial:
    while terms and terms[-1] == 0:
        terms = terms[:-1]
    divisor = gcd(*terms) if terms else 1
    return [term // divisor for term in terms]


def _sturm(polynomial: Polynomial) -> list[Polynomial]:
    """The polynomial, its derivative, then negated remainders, each scaled by a positive factor only."""
    chain = [polynomial, _primitive([power * term for power, term in enumerate(polynomial)][1:])]
    while len(chain[-1]) > 1:
        rest = _remainder(chain[-2], chain[-1])
        if not rest:
            break
        chain.append(_primitive([-term for term in rest]))
    return chain


def _remainder(dividend: Polynomial, divisor: Polynomial) -> Polynomial:
    rest, lead = list(dividend), divisor[-1]
    while len(rest) >= len(divisor):
        shift, factor = len(rest) - len(divisor), rest[-1] * _sign(lead)
        rest = [term * abs(lead) for term in rest]
        for power, term in enumerate(divisor):
            rest[power + shift] -= factor * term
        rest = _primitive(rest)
    return rest


def _quotient(dividend: Polynomial, divisor: Polynomial) -> Polynomial:
    """Exact division, up to a positive factor."""
    rest, terms = [Fraction(term) for term in dividend], [Fraction(0)] * (len(dividend) - len(divisor) + 1)
    for shift in reversed(range(len(terms))):
        terms[shift] = rest[shift + len(divisor) - 1] / divisor[-1]
        for power, term in enumerate(divisor):
            rest[power + shift] -= terms[shift] * term
    scale = lcm(*(term.denominator for term in terms))
    return _primitive([int(term * scale) for term in terms])


def _bound(polynomial: Polynomial) -> Fraction:
    """Cauchy's bound: no root lies beyond it."""
    return 1 + max(abs(Fraction(term, polynomial[-1])) for term in polynomial[:-1])


def _variations(chain: list[Polynomial], at: Fraction) -> int:
    return _sign_changes([_value_sign(polynomial, at) for polynomial in chain])


def _value_sign(polynomial: Polynomial, at: Fraction) -> float:
    """Sign of p(n/d), in whole numbers: Σ aₜ nᵗ d^(degree − t)."""
    value, power = 0, 1
    for term in reversed(polynomial):
        value = value * at.numerator + term * power
        power *= at.denominator
    return float(_sign(value))


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _sign_changes(signs: Sequence[float]) -> int:
    kept = [sign for sign in signs if sign]
    return sum(1 for before, after in pairwise(kept) if before != after)
