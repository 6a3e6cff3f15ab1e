"""python3 -m churn.validate TABLE.csv: is it a table that one may learn from?"""

import math
import sys

from churn import table


def problems(header, rows):
    if header[-1] != "left":
        yield "the last column is not `left`"
    if len(set(header)) != len(header):
        yield "two columns have the same name"
    if len(rows) < 100:
        yield f"only {len(rows)} rows"
    if any(len(row) != len(header) or any(math.isnan(value) for value in row) for row in rows):
        yield "a row is incomplete"
    share = sum(row[-1] for row in rows) / max(1, len(rows))
    if not 0.05 < share < 0.95:
        yield f"{share:.0%} have left: nothing to tell apart"


def main(path):
    found = list(problems(*table.read(path)))
    for problem in found:
        print(problem)
    print("valid" if not found else f"{len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
