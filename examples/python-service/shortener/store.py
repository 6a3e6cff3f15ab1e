"""Links in SQLite. A slug is the row's number in base 62, so slugs are short and never collide."""

import sqlite3
import string
from dataclasses import dataclass
from typing import List, Optional, Tuple

ALPHABET = string.digits + string.ascii_lowercase + string.ascii_uppercase

SCHEMA = """
CREATE TABLE IF NOT EXISTS link (
    id   INTEGER PRIMARY KEY,
    url  TEXT NOT NULL UNIQUE,
    hits INTEGER NOT NULL DEFAULT 0 CHECK (hits >= 0)
)
"""
SELECT = "SELECT id, url, hits FROM link"


@dataclass(frozen=True)
class Link:
    slug: str
    url: str
    hits: int


def encode(number: int) -> str:
    """The number in base 62; 0 is "0"."""
    if number < 0:
        raise ValueError("a slug number is never negative")
    digits = ""
    while True:
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
        if number == 0:
            return digits


def decode(slug: str) -> Optional[int]:
    """The number of a slug, or None when it has a foreign character or is too long."""
    if not slug or len(slug) > 10 or any(c not in ALPHABET for c in slug):
        return None
    number = 0
    for c in slug:
        number = number * len(ALPHABET) + ALPHABET.index(c)
    return number


def as_link(row: Tuple[int, str, int]) -> Link:
    return Link(encode(row[0]), row[1], row[2])


class Store:
    """One connection; not for use from several threads at once."""

    def __init__(self, path: str = ":memory:") -> None:
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute(SCHEMA)

    def close(self) -> None:
        self._db.close()

    def add(self, url: str) -> Link:
        """The link of this URL; the same URL gets the same slug again."""
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO link (url) VALUES (?)", (url,))
            row = self._db.execute(f"{SELECT} WHERE url = ?", (url,)).fetchone()
        return as_link(row)

    def get(self, slug: str) -> Optional[Link]:
        number = decode(slug)
        if number is None:
            return None
        row = self._db.execute(f"{SELECT} WHERE id = ?", (number,)).fetchone()
        return as_link(row) if row else None

    def follow(self, slug: str) -> Optional[str]:
        """Counts a visit and gives the target, or None for an unknown slug."""
        link = self.get(slug)
        if link is None:
            return None
        with self._db:
            self._db.execute("UPDATE link SET hits = hits + 1 WHERE id = ?", (decode(slug),))
        return link.url

    def top(self, limit: int = 10) -> List[Link]:
        """The most visited links, most visits first."""
        rows = self._db.execute(f"{SELECT} ORDER BY hits DESC, id LIMIT ?", (limit,))
        return [as_link(row) for row in rows]
