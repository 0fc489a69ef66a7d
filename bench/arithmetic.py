"""Pure arithmetic: from samples to figures, and from figures to verdicts.

Samples come in rounds: `[[s, s, ...], [s, s, ...], ...]`. In each round everything was measured, one after the other,
so what slows the machine down for a while slows both sides of a ratio. A ratio is therefore taken inside each round,
median to median, and the rounds give one ratio each. Their median is the estimate. Its interval comes from order
statistics: the k-th lowest and the k-th highest of the rounds' ratios, where k is such that the true median is between
them with a chance of 95% at least. That holds for any distribution.
"""

from dataclasses import dataclass
from math import comb
from statistics import median

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, in the unit of what was estimated. The interval is infinite if rounds are too few."""
    value: float
    low: float
    high: float


def coverage(n, k):
    """The chance that the median is between the k-th lowest and the k-th highest of n independent values (k >= 1)."""
    return 1 - 2 * sum(comb(n, i) for i in range(k)) / 2 ** n


def interval(values):
    """The narrowest order-statistics interval of the median: (low, high)."""
    ordered = sorted(values)
    ranks = [k for k in range(1, len(ordered) // 2 + 1) if coverage(len(ordered), k) >= CONFIDENCE]
    if not ranks:
        return float("-inf"), float("inf")
    return ordered[ranks[-1] - 1], ordered[-ranks[-1]]


def estimate(values):
    """The median of the values, with its interval."""
    return Estimate(median(values), *interval(values))


def per_round(rounds):
    """The median of each round."""
    return [median(samples) for samples in rounds]


def ratio(of, to):
    """How many times as long `of` took as `to`: an Estimate of the rounds' ratios. Both have the same rounds."""
    if len(of) != len(to):
        raise ValueError(f"rounds that do not pair: {len(of)} and {len(to)}")
    return estimate([a / b for a, b in zip(per_round(of), per_round(to))])


def difference(of, to):
    """By how much longer `of` took than `to`: an Estimate of the rounds' differences. Both have the same rounds."""
    if len(of) != len(to):
        raise ValueError(f"rounds that do not pair: {len(of)} and {len(to)}")
    return estimate([a - b for a, b in zip(per_round(of), per_round(to))])


def pooled_median(rounds):
    """The median of all samples of all rounds."""
    return median(sample for samples in rounds for sample in samples)


def verdict(measured, at_most=None, at_least=None):
    """`met`, `not met`, or `cannot tell` where the noise is wider than the distance to the bar."""
    if (at_most is None) == (at_least is None):
        raise ValueError("a bar has one side")
    if at_most is not None:
        is_met, is_missed = measured.high <= at_most, measured.low > at_most
    else:
        is_met, is_missed = measured.low >= at_least, measured.high < at_least
    return "met" if is_met else "not met" if is_missed else "cannot tell"


def compare(measured):
    """What a ratio says: `faster`, `slower`, or `cannot tell` when its interval holds 1."""
    return "faster" if measured.high < 1 else "slower" if measured.low > 1 else "cannot tell"
