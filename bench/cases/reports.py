"""Reading a large report: seconds and peak memory beside `wc -l` of the same bytes."""

import os
import subprocess
import time

from harness.report import Figure, Report
from harness.sluice import BenchError
from harness.stats import median

CASES = 100_000
FILLER = "the quick brown fox jumps over the lazy dog &lt;and&gt; back\n" * 32
COVERED_FILES, COVERED_LINES = 2_000, 500


def write_junit(path):
    """100,000 cases, about 200 MB: each tenth fails with a text, each has output."""
    with open(path, "w", encoding="utf-8") as out:
        out.write('<?xml version="1.0"?>\n<testsuites><testsuite name="all">\n')
        for number in range(CASES):
            out.write(f'<testcase classname="tests.test_{number % 500}" name="test_{number}" time="0.{number % 10}">\n')
            if number % 10 == 0:
                place = f"tests/test_{number % 500}.py:7: AssertionError"
                out.write(f'<failure message="assert {number} == 0">{place}</failure>\n')
            out.write(f"<system-out>{FILLER}</system-out></testcase>\n")
        out.write("</testsuite></testsuites>\n")


def write_lcov(path):
    with open(path, "w", encoding="utf-8") as out:
        for file in range(COVERED_FILES):
            out.write(f"SF:src/file_{file}.c\n")
            out.writelines(f"DA:{line},{line % 3}\n" for line in range(1, COVERED_LINES + 1))
            out.write("end_of_record\n")


def seconds_of(command, path):
    begin = time.monotonic()
    subprocess.run([*command, path], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def measure(tools, work, options):
    helper = os.path.join(os.path.dirname(tools.floor), "bench_reports")
    if not os.access(helper, os.X_OK):
        raise BenchError(f"no {helper}; run ./dev bench, which builds it first")
    count = options.count or 5
    report = Report("reports", f"a report is read in pieces of 256 KiB, {count} times each")
    for name, format_name, write, expected, goal in (
            ("JUnit", "junit", write_junit, CASES, "< 40"),
            ("lcov", "lcov", write_lcov, COVERED_FILES * COVERED_LINES, "< 80")):
        path = os.path.join(work, format_name)
        write(path)
        megabytes = os.path.getsize(path) / 1e6
        floor = f"wc -l, {name}, {megabytes:.0f} MB"
        report.floor(floor, median([seconds_of(["wc", "-l"], path) for _ in range(count)]), "s")
        rows = []
        for _ in range(count):
            done = subprocess.run([helper, format_name, path], check=True, capture_output=True, text=True)
            seconds, peak, items = done.stdout.split()
            if int(items) != expected:
                raise BenchError(f"{name}: {items} items, {expected} expected")
            rows.append((float(seconds), int(peak) * 1024 / 1e6))
        report.add(Figure(f"{name}: read", median([row[0] for row in rows]), "s", samples=count, floor=floor))
        report.add(Figure(f"{name}: peak RSS", max(row[1] for row in rows), "MB", samples=count, goal=goal))
        os.unlink(path)
    report.note("JUnit keeps totals, 1,000 failures and the slowest; lcov keeps 12 bytes a line")
    return report
