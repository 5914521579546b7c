"""Whether two ways of asking take equally long, as somebody would find out who only has a clock."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence

SURE = 4.42  # deviations: one in 100,000
LEAKS, KEEPS, BUSY = "it tells", "it does not tell", "too busy to say"
PATIENCE = 120  # seconds to find out; a quiet machine needs some


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """The two-sided p of the rank-sum test, by its normal approximation (for 20 values and more,
    ties corrected): how likely two samples of one distribution lie so far apart."""
    n, m = len(one), len(other)
    ordered = sorted([*((value, True) for value in one), *((value, False) for value in other)])
    ranks, place, ties = 0.0, 1, Counter(value for value, _ in ordered)
    while place <= n + m:
        alike = ties[ordered[place - 1][0]]
        group = ordered[place - 1 : place - 1 + alike]
        ranks += sum(is_one for _, is_one in group) * (place + (alike - 1) / 2)
        place += alike
    total = n + m
    correction = sum(t**3 - t for t in ties.values()) / (total * (total - 1))
    deviation = math.sqrt(n * m / 12 * (total + 1 - correction))
    distance = abs(ranks - n * (n + 1) / 2 - n * m / 2)
    return math.erfc(max(0.0, distance - 0.5) / deviation / math.sqrt(2)) if deviation else 1.0


def between(differences: Sequence[float]) -> tuple[float, float]:
    """Between what the median of such differences lies, whatever their distribution: an interval
    that misses it once in 100,000 times (by the ranks of the sign test; for 100 and more)."""
    ordered = sorted(differences)
    reach = math.ceil(SURE * math.sqrt(len(ordered)) / 2)
    return ordered[len(ordered) // 2 - reach], ordered[(len(ordered) - 1) // 2 + reach]


def told(
    measure: Callable[[], Sequence[float]], leak: float, harmless: float, patience: float = PATIENCE
) -> tuple[str, str]:
    """What the clock tells of one thing beside another: LEAKS, KEEPS, or that this machine is too
    busy to say; and between what the difference lies. `measure` gives a round's differences in
    seconds (100 and more), each of two askings right after each other. Rounds are taken together
    until the median is surely less than `leak`, or surely more than `harmless`; said before any was
    measured, so that no look at the outcome makes one more likely."""
    differences, found, until = list[float](), "", time.monotonic() + patience
    while time.monotonic() < until:
        differences += measure()
        low, high = between(differences)
        found += f"{1e6 * low:.0f} to {1e6 * high:.0f} us; "
        if low > harmless or high < -harmless:
            return LEAKS, found
        if low > -leak and high < leak:
            return KEEPS, found
    return BUSY, found
