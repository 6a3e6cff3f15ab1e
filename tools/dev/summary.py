"""Sums up the JUnit reports of ctest and pytest for `./dev test`.

Prints failed tests with their text, skipped tests with their reason, and as the very last line
`N passed, N failed` or `N passed, N failed, N skipped`. Exits 1 when a test failed, a runner broke, or a label
that was asked for has no test that ran.
"""

import argparse
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from typing import Dict, List, Set

MAX_TEXT = 6000


@dataclass
class Test:
    name: str
    state: str  # passed, failed, skipped
    text: str = ""
    labels: Set[str] = field(default_factory=set)


def tail(text: str) -> str:
    text = text.strip()
    return text if len(text) <= MAX_TEXT else "…\n" + text[-MAX_TEXT:]


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def ctest_labels(path: pathlib.Path) -> Dict[str, Set[str]]:
    labels: Dict[str, Set[str]] = {}
    if not path.exists():
        return labels
    for test in json.loads(path.read_text()).get("tests", []):
        for item in test.get("properties", []):
            if item["name"] == "LABELS":
                labels[test["name"]] = set(item["value"])
    return labels


def read_ctest(reports: pathlib.Path) -> List[Test]:
    if not (reports / "ctest.xml").exists():
        return []
    labels = ctest_labels(reports / "ctest.json")
    tests = []
    for case in ElementTree.parse(reports / "ctest.xml").getroot().iter("testcase"):
        name, output = case.get("name", "?"), case.findtext("system-out") or ""
        test = Test(name, "passed", labels=labels.get(name, set()))
        if case.get("status") in ("notrun", "disabled") or case.find("skipped") is not None:
            test.state, test.text = "skipped", last_line(output)
        elif case.get("status") == "fail" or case.find("failure") is not None:
            test.state, test.text = "failed", tail(output)
        tests.append(test)
    return tests


def read_pytest(reports: pathlib.Path) -> List[Test]:
    if not (reports / "pytest.xml").exists():
        return []
    tests = []
    for case in ElementTree.parse(reports / "pytest.xml").getroot().iter("testcase"):
        labels = {item.get("value", "") for item in case.iter("property") if item.get("name") == "label"}
        test = Test(f"{case.get('classname', '')}: {case.get('name', '?')}", "passed", labels=labels)
        for bad in list(case.findall("failure")) + list(case.findall("error")):
            test.state, test.text = "failed", tail(bad.text or bad.get("message", ""))
        skipped = case.find("skipped")
        if skipped is not None and test.state == "passed":
            test.state, test.text = "skipped", skipped.get("message") or "no reason given"
        tests.append(test)
    return tests


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("reports", type=pathlib.Path)
    parser.add_argument("--label", action="append", default=[])
    parser.add_argument("--ctest-exit", type=int, default=0)
    parser.add_argument("--pytest-exit", type=int, default=0)
    options = parser.parse_args()

    groups = {"ctest": read_ctest(options.reports), "pytest": read_pytest(options.reports)}
    # A runner that broke without a failed test to show is a failure of its own; pytest's 5 means "no test selected".
    if options.ctest_exit != 0 and all(t.state != "failed" for t in groups["ctest"]):
        groups["ctest"].append(Test("ctest", "failed", f"ctest exited {options.ctest_exit}; see build/logs"))
    if options.pytest_exit not in (0, 5) and all(t.state != "failed" for t in groups["pytest"]):
        groups["pytest"].append(Test("pytest", "failed", f"pytest exited {options.pytest_exit}; see build/logs"))
    tests = groups["ctest"] + groups["pytest"]

    by_state = {state: [t for t in tests if t.state == state] for state in ("passed", "failed", "skipped")}
    for test in by_state["skipped"]:
        print(f"skipped: {test.name}: {test.text}")
    for test in by_state["failed"]:
        print(f"\nFAILED: {test.name}\n{test.text}")
    broken = bool(by_state["failed"])
    ran = by_state["passed"] + by_state["failed"]
    if not options.label and not ran:
        print("no test ran")
        broken = True
    for label in options.label:
        if not any(label in test.labels for test in ran):
            print(f"label {label}: nothing ran under it")
            broken = True
    line = f"{len(by_state['passed'])} passed, {len(by_state['failed'])} failed"
    if by_state["skipped"]:
        line += f", {len(by_state['skipped'])} skipped"
    print(line, flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
