#!/usr/bin/env python3
"""Benchmarks of Sluice: run.py [NAME] [--json]. docs/benchmarks.md says what each measures and how to read it."""

import argparse
import importlib
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(HERE), "build")
DEV_BIN = os.path.join(BUILD, "dev", "bin")
sys.path.insert(0, HERE)

from harness import report  # noqa: E402  (the path above makes it importable from anywhere)
from harness.sluice import BenchError, Tools, remove_folder  # noqa: E402

NAMES = ("push_latency", "noop_jobs", "idle", "log", "log1g", "artifact", "cache", "container", "workspace", "api",
         "reports", "plan", "store")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measure Sluice on this machine.")
    parser.add_argument("name", nargs="?", choices=NAMES, metavar="NAME",
                        help="one of " + ", ".join(NAMES) + "; default: all")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of tables")
    parser.add_argument("--bin", default=os.path.join(BUILD, "release", "bin"),
                        help="folder of the programs to measure")
    parser.add_argument("--helpers", help="folder of bench_stamp, bench_floor and bench_client; default: --bin, else "
                        "build/dev/bin")
    parser.add_argument("--work", help="folder for data and repositories, on the disk to be measured; default: a new "
                        "one in build/, removed at the end")
    parser.add_argument("--count", type=int, help="samples (push_latency), runs (noop_jobs); for quick looks")
    parser.add_argument("--quick", action="store_true", help="log1g, artifact, cache, container: small sizes, to see that "
                        "they run; no figures to compare")
    parser.add_argument("--trace", action="store_true", help="push_latency: also print the phases of a run")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    tools = Tools.find([options.bin], [options.helpers] if options.helpers else [options.bin, DEV_BIN])
    os.makedirs(BUILD, exist_ok=True)
    base = options.work or tempfile.mkdtemp(prefix="bench-", dir=BUILD)
    facts = report.machine(os.path.abspath(options.bin))
    if facts["loaded"]:
        print(f"the machine is busy (load {facts['load_before']}): times below are too long", file=sys.stderr)
    results = {}
    try:
        for name in [options.name] if options.name else NAMES:
            print(f"measuring {name} ...", file=sys.stderr)
            work = os.path.join(base, name)
            remove_folder(work)
            os.makedirs(work)
            results[name] = importlib.import_module("cases." + name).measure(tools, work, options)
            if not options.json:
                print(results[name].to_text() + "\n", flush=True)
    finally:
        if not options.work:
            remove_folder(base)
    if options.json:
        print(json.dumps({"machine": facts, **{name: result.to_json() for name, result in results.items()}}, indent=1))
    else:
        busy = ", BUSY: times are biased upwards" if facts["loaded"] else ""
        print(f"{facts['cores']} cores {facts['cpu']}, Linux {facts['kernel']}, "
              f"load before {facts['load_before']}{busy}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchError as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
