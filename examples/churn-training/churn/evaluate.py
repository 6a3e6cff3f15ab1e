"""python3 -m churn.evaluate MODEL.pkl TEST.csv METRICS.json: how good it is on what it has not seen."""

import json
import pathlib
import pickle
import sys

from sklearn.metrics import accuracy_score, recall_score, roc_auc_score

from churn import table


def main(model, test, out):
    features, labels = table.examples(test)
    known = pickle.loads(pathlib.Path(model).read_bytes())
    scores = known.predict_proba(features)[:, 1]
    guesses = known.predict(features)
    numbers = {
        "auc": roc_auc_score(labels, scores),
        "recall": recall_score(labels, guesses),
        "accuracy": accuracy_score(labels, guesses),
    }
    pathlib.Path(out).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(out).write_text(json.dumps(numbers, indent=1))
    print(", ".join(f"{name} {value:.4f}" for name, value in numbers.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
