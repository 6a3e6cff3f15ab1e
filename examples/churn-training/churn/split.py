"""python3 -m churn.split TABLE.csv TRAIN.csv TEST.csv: the same split every time."""

import pathlib
import sys

from sklearn.model_selection import train_test_split

from churn import table


def main(path, train, test):
    header, rows = table.read(path)
    parts = train_test_split(rows, test_size=0.3, random_state=7, stratify=[row[-1] for row in rows])
    for name, part in zip((train, test), parts):
        pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
        table.write(name, header, part)
        print(f"{name}: {len(part)} rows")


if __name__ == "__main__":
    main(*sys.argv[1:])
