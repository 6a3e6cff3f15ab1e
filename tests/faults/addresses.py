"""Addresses that the server takes for those of a host out in the world."""

import contextlib
import subprocess

import pytest


@contextlib.contextmanager
def public_address(last):
    """One of the block for documentation, on the loopback interface: no one's, but not a private one, which the server
    refuses. Tests run beside each other: each takes a last number of its own."""
    address = f"203.0.113.{last}"

    def ip(word):
        words = ["ip", "address", word, f"{address}/32", "dev", "lo"]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    added = ip("add")
    if added.returncode != 0 and "exists" not in added.stderr:
        pytest.skip(f"needs the right to add an address to the loopback interface: {added.stderr.strip()}")
    try:
        yield address
    finally:
        ip("del")
