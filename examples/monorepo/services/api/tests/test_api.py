import unittest

from api import accept
from orders import Order


class Accept(unittest.TestCase):
    def test_a_good_body_is_an_order(self):
        self.assertEqual(accept({"article": "tea", "count": "2"}), Order("tea", 2))

    def test_what_is_missing_is_refused(self):
        for body in ({}, {"article": "tea"}, {"article": "", "count": 1}, {"article": "tea", "count": 0}):
            with self.subTest(body=body), self.assertRaises(ValueError):
                accept(body)
