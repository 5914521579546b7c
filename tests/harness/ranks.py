"""Whether two ways of asking take equally long, as somebody would find out who only has a clock."""

import math
import time
from collections.abc import Callable, Sequence

SURE = 4.42  # deviations: one in 100,000
LEAKS, KEEPS, BUSY = "it tells", "it does not tell", "too busy to say"
PATIENCE = 120  # seconds to find out; a quiet machine needs some


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
