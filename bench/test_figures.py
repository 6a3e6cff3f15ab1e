"""The arithmetic behind the tables: a benchmark that counts wrongly is worse than none."""

import importlib
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import run  # noqa: E402
from cases.api import milliseconds  # noqa: E402
from harness import proc  # noqa: E402
from harness.report import Figure, Report  # noqa: E402
from harness.sluice import Stamps  # noqa: E402
from harness.stats import median, percentile  # noqa: E402


class Figures(unittest.TestCase):
    def test_p95_of_thirty_samples_is_the_29th(self):
        self.assertEqual(percentile(list(range(1, 31)), 95), 29)

    def test_a_single_sample_is_its_own_percentile_and_median(self):
        self.assertEqual((percentile([7], 95), median([7])), (7, 7))

    def test_the_median_of_an_even_count_lies_between(self):
        self.assertEqual(median([4, 1, 3, 2]), 2.5)

    def test_less_is_better_is_a_multiple_of_the_floor(self):
        report = Report("x", "")
        report.floor("commit", 0.5, "ms")
        report.add(Figure("a", 2.0, "ms", floor="commit"))
        self.assertEqual(report.figures[0].ratio, 4)

    def test_more_is_better_is_how_often_the_floor_is_faster(self):
        report = Report("x", "")
        report.floor("spawn", 900.0, "runs/s")
        report.add(Figure("a", 300.0, "runs/s", floor="spawn"))
        self.assertEqual(report.figures[0].ratio, 3)

    def test_a_floor_of_another_unit_gives_no_ratio(self):
        report = Report("x", "")
        report.floor("cat", 0.1, "s")
        report.add(Figure("a", 300.0, "ms", floor="cat"))
        self.assertIsNone(report.figures[0].ratio)

    def test_goals_are_met_below_or_above(self):
        self.assertTrue(Figure("a", 9.9, "ms", goal="< 10").met())
        self.assertFalse(Figure("a", 10.0, "ms", goal="< 10").met())
        self.assertTrue(Figure("a", 301.0, "runs/s", goal="> 300").met())
        self.assertIsNone(Figure("a", 1.0, "ms").met())

    def test_table_and_json_hold_the_same_figures(self):
        report = Report("x", "title")
        report.floor("commit", 0.5, "ms")
        report.add(Figure.of_samples("first", [1.0, 2.0, 3.0], "ms", floor="commit", goal="< 1"))
        row = json.loads(json.dumps(report.to_json()))["figures"][0]
        self.assertEqual(row, {"name": "first", "value": 2.0, "unit": "ms", "p95": 3.0, "floor": "commit",
                               "goal": "< 1", "samples": 3, "ratio": 4.0, "met": False})
        self.assertIn("MISSED", report.to_text())

    def test_wrk_writes_times_in_three_units(self):
        self.assertEqual([milliseconds(text) for text in ("250.00us", "1.50ms", "2.00s")], [0.25, 1.5, 2000])


class Cases(unittest.TestCase):
    def test_every_name_is_a_case_that_can_be_measured(self):
        for name in run.NAMES:
            self.assertTrue(callable(importlib.import_module("cases." + name).measure), name)

    def test_quick_is_for_all_that_take_long(self):
        self.assertTrue(run.parse(["artifact", "--quick"]).quick)
        self.assertFalse(run.parse([]).quick)


class Processes(unittest.TestCase):
    def test_a_tree_has_its_root_and_counts_its_time(self):
        self.assertEqual(proc.tree(os.getpid())[0], os.getpid())
        self.assertGreater(proc.peak_rss(os.getpid()), 1 << 20)

    def test_a_process_that_is_gone_costs_nothing(self):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        self.assertEqual((proc.cpu_seconds(pid), proc.rss(pid), proc.name(pid)), (0.0, 0, ""))

    def test_stamps_come_in_order_and_can_be_forgotten(self):
        with tempfile.TemporaryDirectory() as folder:
            stamps = Stamps(os.path.join(folder, "fifo"))
            with open(stamps.path, "w") as writer:
                writer.write("1\n2\n")
                writer.flush()
                self.assertEqual((stamps.next("one"), stamps.next("two")), (1, 2))
                writer.write("3\n")
                writer.flush()
                stamps.drain()
                writer.write("4\n")
                writer.flush()
                self.assertEqual(stamps.next("four"), 4)
            stamps.close()


if __name__ == "__main__":
    unittest.main()
