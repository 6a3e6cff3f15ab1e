"""The repository's files as the arch tests see them: what is tracked or new, never what was built."""

import pathlib
import subprocess
from typing import Iterator, Tuple

ROOT = pathlib.Path(__file__).resolve().parents[2]


def files(*patterns: str) -> Iterator[Tuple[str, str]]:
    """(path, text) of the files that git tracks or would track."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
                            cwd=ROOT, capture_output=True, text=True, check=True)
    for path in sorted(set(listed.stdout.splitlines())):
        file = ROOT / path
        if file.is_file():
            yield path, file.read_text(encoding="utf-8", errors="replace")
