"""Every test under tests/<folder>/ carries the label <folder>; `--regex` selects by name as `ctest -R` does."""

import pathlib
import re

import pytest

HERE = pathlib.Path(__file__).resolve().parent
LABELS = ("unit golden contract protocol sim faults e2e ui arch container kubernetes slurm spark postgres forge ml"
          .split())


# podman numbers bridges and subnets by what it finds, not by what another store of it is about to make: two tests that
# begin at once would get the same bridge, and the end of one takes it from the other.
SHARES_THE_NETWORK = re.compile(r"\b(container_store|engine_store|docker_store)\b")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """`--dist loadfile`, but the files that use a container engine are one after the other."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    engine = {str(path.relative_to(HERE)) for path in HERE.glob("*/test_*.py")
              if SHARES_THE_NETWORK.search(path.read_text())}

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "engine" if file in engine else file

    return Scheduling(config, log)


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
