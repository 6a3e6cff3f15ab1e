"""Which columns of the table the model may look at."""

FEATURES = 30


def columns(header):
    """The names of the features, in order; the label is last in the table."""
    return header[:-1][:FEATURES]
