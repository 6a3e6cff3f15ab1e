"""Medians and percentiles of small samples."""


def percentile(samples, share):
    """Nearest rank: p95 of 30 samples is the 29th."""
    ordered = sorted(samples)
    rank = max(1, -(-len(ordered) * share // 100))
    return ordered[int(rank) - 1]


def median(samples):
    ordered = sorted(samples)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
