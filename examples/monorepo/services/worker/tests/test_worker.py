import unittest

from orders import Order
from worker import Worker


class Deliver(unittest.TestCase):
    def test_the_stock_goes_down(self):
        worker = Worker({"tea": 3})
        self.assertEqual(worker.deliver(Order("tea", 1)), 2)
        self.assertEqual(worker.deliver(Order("tea", 2)), 0)

    def test_too_little_is_refused(self):
        with self.assertRaises(ValueError):
            Worker({}).deliver(Order("tea", 1))
