"""Carries orders out."""


class Worker:
    def __init__(self, stock):
        self.stock = dict(stock)

    def deliver(self, order):
        """What is left of the article; ValueError when there is too little."""
        left = self.stock.get(order.article, 0) - order.count
        if left < 0:
            raise ValueError(f"too little {order.article}")
        self.stock[order.article] = left
        return left
