"""python3 -m churn.train TRAIN.csv MODEL.pkl: a forest; its own numbers go to train.json beside it."""

import json
import os
import pathlib
import pickle
import sys

from sklearn.ensemble import RandomForestClassifier

from churn import table


def main(train, out):
    features, labels = table.examples(train)
    trees = int(float(os.environ.get("CI_PARAM_TREES", "60")))
    model = RandomForestClassifier(n_estimators=trees, random_state=7, oob_score=True).fit(features, labels)
    path = pathlib.Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(model))
    numbers = {"oob_accuracy": model.oob_score_, "features": len(features[0]), "rows": len(features)}
    (path.parent / "train.json").write_text(json.dumps(numbers))
    print(f"{trees} trees, out-of-bag accuracy {model.oob_score_:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
