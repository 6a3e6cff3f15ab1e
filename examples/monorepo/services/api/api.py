"""Takes orders."""

from orders import Order


def accept(body):
    """The order in a request's body; ValueError when it is none."""
    try:
        return Order(article=str(body["article"]), count=int(body["count"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an order: {error}") from error
