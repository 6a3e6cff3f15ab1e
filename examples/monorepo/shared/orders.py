"""What all services know of an order."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    article: str
    count: int

    def __post_init__(self):
        if not self.article or self.count < 1:
            raise ValueError("an order has an article and at least one of it")
