"""Makes a compilation database that clang-tidy can read, from one made for GCC with precompiled headers.

`tidy_database.py BUILD OUT` writes OUT/compile_commands.json; `tidy_database.py --filter OUT FILE...` prints those
of the files that it knows. GCC's .gch files are not readable by clang, which would pick them up when they lie
beside the header: so the headers are copied to OUT and included from there as plain text.
"""

import hashlib
import json
import pathlib
import re
import shutil
import sys
from typing import List

# GCC's coroutines need no switch, clang 14 calls the feature differently; the rest are flags clang does not know.
CLANG_FLAGS = "-Wno-everything -D__cpp_impl_coroutine=201902L"
UNKNOWN = re.compile(r"\s-(?:Winvalid-pch|fcoroutines|Wno-[a-z-]+|fsanitize=\S+|Werror)(?=\s)")


def convert(build: pathlib.Path, out: pathlib.Path) -> None:
    out.mkdir(parents=True, exist_ok=True)

    def copy_header(match: "re.Match[str]") -> str:
        header = pathlib.Path(match.group(1))
        copy = out / f"pch-{hashlib.sha256(str(header).encode()).hexdigest()[:12]}.hpp"
        shutil.copyfile(header, copy)
        return f" -include {copy.resolve()}"

    entries = []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if entry["file"].endswith((".c", "cmake_pch.hxx.cxx")):
            continue
        command = re.sub(r"\s-include (\S*cmake_pch\.hxx)", copy_header, entry["command"])
        command = UNKNOWN.sub("", command)
        entry["command"] = command.replace(" -c ", f" {CLANG_FLAGS} -c ", 1)
        entries.append(entry)
    (out / "compile_commands.json").write_text(json.dumps(entries))


def known(out: pathlib.Path, files: List[str]) -> List[str]:
    database = json.loads((out / "compile_commands.json").read_text())
    have = {str(pathlib.Path(entry["file"]).resolve()) for entry in database}
    return [name for name in files if str(pathlib.Path(name).resolve()) in have]


def main() -> None:
    if sys.argv[1] == "--filter":
        print("\n".join(known(pathlib.Path(sys.argv[2]), sys.argv[3:])))
    else:
        convert(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))


if __name__ == "__main__":
    main()
