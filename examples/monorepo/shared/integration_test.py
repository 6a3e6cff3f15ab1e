"""The services work together: what the api accepts, the worker can carry out."""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]
for folder in ("shared", "services/api", "services/worker"):
    sys.path.insert(0, str(ROOT / folder))

from api import accept  # noqa: E402
from worker import Worker  # noqa: E402


class Together(unittest.TestCase):
    def test_an_accepted_order_is_delivered(self):
        worker = Worker(stock={"tea": 3})
        self.assertEqual(worker.deliver(accept({"article": "tea", "count": 2})), 1)


if __name__ == "__main__":
    unittest.main()
