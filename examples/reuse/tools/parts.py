"""Writes a fragment: a job for each folder of parts/, and one that sums them up."""

import pathlib

names = sorted(path.name for path in pathlib.Path("parts").iterdir() if path.is_dir())
print("version: 1\njobs:")
for name in names:
    print(f"  {name}: {{ run: sh parts/{name}/test.sh }}")
print(f"  all: {{ needs: [{', '.join(names)}], run: echo {len(names)} parts }}")
