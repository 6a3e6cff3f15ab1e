"""Every test under tests/<folder>/ carries the label <folder>; `--regex` selects by name as `ctest -R` does."""

import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
LABELS = ("unit golden contract protocol sim faults e2e ui arch container kubernetes slurm spark postgres forge ml"
          .split())


def pytest_addoption(parser):
    parser.addoption("--regex", default="", help="only tests whose id matches")


def pytest_collection_modifyitems(config, items):
    for item in items:
        folder = pathlib.Path(item.path).resolve().relative_to(HERE).parts[0]
        if folder in LABELS:
            item.add_marker(folder)
        # The summary of `./dev test` reads the labels from the report.
        for label in {mark.name for mark in item.iter_markers()} & set(LABELS):
            item.user_properties.append(("label", label))
    pattern = config.getoption("--regex")
    if pattern:
        kept = [item for item in items if re.search(pattern, item.nodeid)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
