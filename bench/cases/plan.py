"""Planning: a run of 4,000 cells, its memory by number of jobs, and a file of 500 lines as `sluice validate` checks it."""

import os
import subprocess

from harness.report import Figure, Report
from harness.sluice import BenchError
from harness.stats import median

CELLS = 250  # of one job; a matrix has at most 256
SIZES = (1_000, 2_000, 4_000)
LINES = 500


def write_matrix(path, jobs):
    """`jobs` cells with what a usual job has: needs, env, conditions, steps, a cache, reports."""
    axis = ", ".join(str(value) for value in range(CELLS // 10))
    with open(path, "w", encoding="utf-8") as out:
        out.write("version: 1\non: { push: {} }\nenv: { MODE: release }\ndefaults: { timeout: 20m }\njobs:\n")
        for number in range(jobs // CELLS):
            needs = f"[job{number - 1}]" if number % 4 else "[]"
            out.write(f"""\
  job{number}:
    needs: {needs}
    matrix: {{ shard: [{axis}], system: [a, b, c, d, e, f, g, h, i, j] }}
    if: branch == default_branch || matrix.shard == '1'
    env: {{ SHARD: "${{{{ matrix.shard }}}}", SYSTEM: "${{{{ matrix.system }}}}" }}
    steps:
      - ./build --system ${{{{ matrix.system }}}}
      - {{ run: "./test --shard ${{{{ matrix.shard }}}}", timeout: 5m }}
    reports: {{ junit: "out/${{{{ matrix.shard }}}}.xml" }}
    artifacts: ["out/**"]
""")


def write_lines(path):
    """500 lines in block style, a key per line, as people write them."""
    lines = ["version: 1", "on:", "  push:", "    branches: [main]", "  pull_request: {}", "  manual: {}", "jobs:"]
    number = 0
    while len(lines) < LINES:
        lines += [f"  job{number}:"] + ([f"    needs: [job{number - 1}]"] if number else []) + [
            f"    name: Job {number}", "    if: branch == default_branch || event == 'manual'", "    timeout: 20m",
            "    env:", "      MODE: release", "      BRANCH: ${{ branch ?? '' }}", "    steps:", "      - make",
            "      - name: test", "        run: |", "          make test", "          ./report", "    artifacts:",
            "      - out/**"]
        number += 1
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines[:LINES]) + "\n")


def numbers(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(done.stderr.strip() or f"{command[0]} failed")
    return [[float(word) for word in line.split()] for line in done.stdout.splitlines()]


def measure(tools, work, options):
    helper = os.path.join(os.path.dirname(tools.floor), "bench_plan")
    if not os.access(helper, os.X_OK):
        raise BenchError(f"no {helper}; run ./dev bench, which builds it first")
    count = options.count or 5
    report = Report("plan", f"files → plan, without disk and database, {count} times each")
    path = os.path.join(work, "ci.yml")
    memory = {}
    for jobs in SIZES:
        write_matrix(path, jobs)
        rows = [numbers(helper, "plan", path)[0] for _ in range(count)]
        if any(row[3] != jobs for row in rows):
            raise BenchError(f"{rows[0][3]:.0f} jobs, {jobs} expected")
        memory[jobs] = max(row[2] for row in rows) * 1024 / 1e6
        if jobs != SIZES[-1]:
            continue
        report.floor("the plan as JSON", median([row[1] for row in rows]), "s")
        report.add(Figure(f"{jobs} cells: plan", median([row[0] for row in rows]), "s", samples=count,
                          floor="the plan as JSON", goal="< 2"))
    for jobs in SIZES:
        report.add(Figure(f"{jobs} cells: peak RSS", memory[jobs], "MB", samples=count))
    more = (memory[SIZES[2]] - memory[SIZES[1]]) / (memory[SIZES[1]] - memory[SIZES[0]])
    # Twice as many more jobs: twice the memory when it is linear.
    report.add(Figure("memory of 2,000 more against 1,000 more", more, "times", samples=count, goal="< 2.4"))
    write_lines(path)
    rows = numbers(helper, "validate", path, str(count * 10))
    report.floor("YAML of the same file once", median([row[1] for row in rows]), "ms")
    report.add(Figure(f"{LINES} lines: validate", median([row[0] for row in rows]), "ms", samples=len(rows),
                      floor="YAML of the same file once", goal="< 10"))
    report.note("validate plans for six kinds of event, as `sluice validate` does")
    return report
