"""Tables as CSV: a header, numbers, and the label `left` in the last column."""

import csv


def read(path):
    """(names of the columns, rows of floats)"""
    with open(path, newline="") as file:
        lines = list(csv.reader(file))
    return lines[0], [[float(value) for value in line] for line in lines[1:]]


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)


def examples(path):
    """(features, labels) for a model."""
    from churn.features import columns

    header, rows = read(path)
    count = len(columns(header))
    return [row[:count] for row in rows], [int(row[-1]) for row in rows]
