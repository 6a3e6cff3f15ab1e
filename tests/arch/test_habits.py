"""Habits that a reader relies on: nothing half done, no file of two ideas, nothing of one machine."""

import re
import warnings

from tree import files

SOURCES = ("*.cpp", "*.hpp", "*.c", "*.h", "*.py", "*.sh", "*.ts", "*.sql", "*.cmake", "CMakeLists.txt", "dev")
UNFINISHED = re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b", "not yet imple" + "mented"]))
# Paths of home folders and work folders of one machine.
ONE_MACHINE = re.compile(r"(?<![\w.])/(?:work|home|Users|root)/[\w.]")
MAX_LINES = 600


# A directive of the Test Anything Protocol is spelt like the mark of unfinished work.
TAP = ("pipelines/reports/tap.", "tests/unit/pipelines/reports/tests_test.cpp", "docs/reference/reports.md")


def unfinished(path, text):
    return [f"{path}:{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1)
            if UNFINISHED.search(line) and not path.startswith(TAP)]


def test_no_source_says_that_it_is_unfinished():
    found = [line for path, text in files(*SOURCES) for line in unfinished(path, text)]
    assert not found, "\n" + "\n".join(found)


def test_the_checker_sees_an_unfinished_line():
    assert unfinished("a.cpp", "int x;\n// TO" + "DO later\n") == ["a.cpp:2: // TO" + "DO later"]


def test_no_file_names_a_place_of_one_machine():
    allowed = ("tests/arch/test_habits.py", "tests/unit/", "tests/golden/")
    found = [f"{path}:{number}: {line.strip()}" for path, text in files(*SOURCES, "*.md", "*.yml", "*.json")
             if not path.startswith(allowed) and not path.endswith("package-lock.json")
             for number, line in enumerate(text.splitlines(), 1) if ONE_MACHINE.search(line)]
    assert not found, "\n" + "\n".join(found)


def test_long_files_are_named():
    """A list for the next maintainer, not a limit: a file is long because it holds two ideas, or for a reason."""
    long = [f"{path}: {text.count(chr(10))} lines"
            for path, text in files("*.cpp", "*.hpp", "*.c", "*.py", "*.ts", "*.svelte", "*.tsx")
            if text.count("\n") > MAX_LINES]
    if long:
        warnings.warn("does each hold one idea? " + "; ".join(long), stacklevel=1)


def test_every_header_is_included_once_and_says_what_it_is():
    bad = []
    for path, text in files("*.hpp", "*.h"):
        lines = [line for line in text.splitlines() if line.strip()][:6]
        if not path.endswith(".h") and lines[0] != "#pragma once":
            bad.append(f"{path}: the first line is not #pragma once")
        if not any(line.startswith(("//", "/*")) for line in lines):
            bad.append(f"{path}: nothing at its top says what it is")
    assert not bad, "\n" + "\n".join(bad)
