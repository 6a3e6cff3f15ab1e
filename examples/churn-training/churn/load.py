"""python3 -m churn.load OUT.csv: the table, from the data set that scikit-learn ships."""

import pathlib
import sys

from sklearn.datasets import load_breast_cancer

from churn import table


def main(out):
    data = load_breast_cancer()
    header = [name.replace(" ", "_") for name in data.feature_names] + ["left"]
    rows = [[*map(float, features), int(label)] for features, label in zip(data.data, data.target)]
    pathlib.Path(out).parent.mkdir(parents=True, exist_ok=True)
    table.write(out, header, rows)
    print(f"{len(rows)} customers, {len(header) - 1} features")


if __name__ == "__main__":
    main(*sys.argv[1:])
