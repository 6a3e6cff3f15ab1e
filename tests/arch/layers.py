"""Who may include whom (architecture.md §3), as data and a checker over `#include` lines.

A file belongs to the room with the longest matching path prefix. A room may include itself and the rooms listed for
it. A fence names the only places that may touch a library.
"""

import re
from dataclasses import dataclass
from typing import Dict, Iterator, List, Tuple

# The kernel is used by all; platform by all but the kernel. Of hooks the cli takes the installer alone.
ROOMS: Dict[str, List[str]] = {
    "pipelines": [],
    "platform": ["pipelines"],
    "hooks": ["pipelines", "platform"],
    "hooks/git/hook": [],  # sluice-hook: libc only, see FENCES
    "agent": ["pipelines", "platform", "agent/daemon", "agent/runner", "agent/executors", "agent/resources"],
    "agent/daemon": ["pipelines", "platform", "agent", "agent/runner", "agent/executors", "agent/resources"],
    "agent/runner": ["pipelines", "platform", "agent", "agent/executors", "agent/resources"],
    "agent/executors": ["pipelines", "platform", "agent", "agent/runner", "agent/resources"],
    "agent/resources": ["pipelines", "platform", "agent"],
    "cli": ["pipelines", "platform", "agent/runner", "agent/executors", "hooks/git/install.hpp"],
    # The server, from its leaves to the composition root. Leaves know `runtime` and not each other.
    "server/runtime": ["pipelines", "platform"],
    "server/store": ["pipelines", "platform", "server/runtime"],
    "server/git": ["pipelines", "platform", "server/runtime"],
    "server/logs": ["pipelines", "platform", "server/runtime"],
    "server/blobs": ["pipelines", "platform", "server/runtime"],
    "server/secrets": ["pipelines", "platform", "server/runtime"],
    "server/identity": ["pipelines", "platform", "server/runtime"],
    "server/http": ["pipelines", "platform", "server/runtime"],
    "server/core": ["pipelines", "platform", "hooks", "server/runtime", "server/store", "server/git", "server/logs",
                    "server/blobs", "server/secrets", "server/identity"],
    "server/ml": ["pipelines", "platform", "server/runtime", "server/store", "server/blobs", "server/core"],
    "server/api": ["pipelines", "platform", "hooks", "server/runtime", "server/store", "server/git", "server/logs",
                   "server/blobs", "server/secrets", "server/identity", "server/http", "server/core", "server/ml"],
    "server": ["pipelines", "platform", "hooks", "web", "server/runtime", "server/store", "server/git", "server/logs",
               "server/blobs", "server/secrets", "server/identity", "server/http", "server/core", "server/ml",
               "server/api"],
}


@dataclass(frozen=True)
class Fence:
    library: str
    header: str  # regular expression on the included name
    places: Tuple[str, ...]  # path prefixes


FENCES = [
    Fence("SOCI", r"soci/|soci\.h", ("server/store/",)),
    Fence("SQLite", r"sqlite3\.h", ("server/store/",)),
    Fence("libpq", r"libpq-fe\.h|postgresql/", ("server/store/",)),
    Fence("yaml-cpp", r"yaml-cpp/", ("pipelines/config/document.cpp",)),
    # agent/daemon: the zygote initialises the library before it forks runners.
    Fence("libgit2", r"git2(/|\.h)", ("server/git/", "agent/runner/", "agent/daemon/")),
    Fence("libcurl", r"curl/", ("platform/http_client.",)),
    Fence("Beast", r"boost/beast", ("server/http/",)),
    Fence("Boost.Process v1", r"boost/process(\.hpp|/(?!v2/))", ()),
    Fence("libsodium", r"sodium", ("platform/crypto", "pipelines/plan/hash", "server/secrets/", "agent/daemon/")),
    # Its headers cost every file that includes them seconds of compiling.
    Fence("spdlog", r"spdlog/", ("platform/log.cpp",)),
    Fence("expat", r"expat\.h", ("pipelines/reports/",)),
]

# The kernel is pure: no I/O, clock, threads or randomness, so whatever reaches them is refused by its header.
IMPURE = re.compile(r"^(thread|mutex|shared_mutex|condition_variable|future|atomic|stop_token|fstream|iostream"
                    r"|filesystem|random|ctime|cstdio|time\.h|stdio\.h|unistd\.h|fcntl\.h|dirent\.h|sys/.*"
                    r"|netinet/.*|arpa/.*|boost/asio.*|boost/process.*|spdlog/.*|openssl/.*)$")

LIBC_PROGRAMS = ("hooks/git/hook/", "hooks/git/sluice_hook.c", "agent/executors/sluice_exec.c",
                 "agent/executors/container/keeper")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def room_of(path: str) -> str:
    """The room with the longest prefix of the path, "" outside of all."""
    best = ""
    for room in ROOMS:
        if (path == room or path.startswith(room + "/")) and len(room) > len(best):
            best = room
    return best


def may_include(room: str, path: str) -> bool:
    target = room_of(path) or path.split("/")[0]
    if target == room:
        return True
    allowed = ROOMS[room]
    if path in allowed:
        return True
    # "pipelines" and the like mean everything below; rooms with rooms of their own are listed one by one.
    return target in allowed or (target.split("/")[0] in allowed and target.split("/")[0] in ("pipelines", "platform"))


def violations(path: str, text: str) -> Iterator[str]:
    """One line per forbidden include of the file."""
    room = room_of(path)
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        quote, name = match.groups()
        where = f"{path}:{line}: includes {name}: "
        for fence in FENCES:
            if re.match(fence.header, name) and not any(path.startswith(place) for place in fence.places):
                only = ", ".join(fence.places) or "nobody"
                yield where + f"{fence.library} belongs to {only}"
        if room == "pipelines" and IMPURE.match(name):
            yield where + "the kernel has no I/O, clock, threads or randomness"
        if any(path.startswith(program) for program in LIBC_PROGRAMS):
            beside = quote == '"' and (name.startswith(LIBC_PROGRAMS) or "/" not in name)
            if not beside and not re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)?\.h", name):
                yield where + "this program is libc only"
            continue
        if quote == '"' and room and "/" in name and not may_include(room, name):
            yield where + f"{room} may not know {room_of(name) or name.split('/')[0]}"
