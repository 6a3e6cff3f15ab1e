import pytest

from layers import room_of, violations
from tree import files


def test_no_file_includes_what_its_layer_may_not_know():
    found = [line for path, text in files("*.cpp", "*.hpp", "*.c", "*.h")
             if not path.startswith(("tests/", "bench/", "web/", "examples/"))
             for line in violations(path, text)]
    assert not found, "\n" + "\n".join(found)


def test_every_source_folder_is_in_a_room():
    outside = [path for path, _ in files("*.cpp", "*.hpp", "*.c", "*.h")
               if not path.startswith(("tests/", "bench/", "web/", "examples/")) and not room_of(path)]
    assert not outside


@pytest.mark.parametrize("path, line, reason", [
    ("pipelines/plan/plan.cpp", '#include "platform/clock.hpp"', "may not know platform"),
    ("pipelines/plan/plan.cpp", "#include <thread>", "no I/O, clock, threads"),
    ("pipelines/config/schema.cpp", "#include <yaml-cpp/yaml.h>", "yaml-cpp belongs to"),
    ("platform/files.cpp", '#include "server/http/server.hpp"', "may not know server/http"),
    ("hooks/event.cpp", '#include "server/core/intake.hpp"', "may not know server/core"),
    ("server/store/jobs.cpp", '#include "server/core/lifecycle.hpp"', "may not know server/core"),
    ("server/logs/files.cpp", '#include "server/store/jobs.hpp"', "may not know server/store"),
    ("server/core/gate.cpp", '#include "server/api/runs.hpp"', "may not know server/api"),
    ("server/core/gate.cpp", "#include <soci/soci.h>", "SOCI belongs to"),
    ("server/http/server.cpp", '#include "server/core/gate.hpp"', "may not know server/core"),
    ("server/api/runs.cpp", "#include <boost/beast/http.hpp>", "Beast belongs to"),
    ("server/app.cpp", '#include "agent/app.hpp"', "may not know agent"),
    ("agent/daemon/claimer.cpp", '#include "server/core/leases.hpp"', "may not know server/core"),
    ("agent/executors/host/process.cpp", '#include "agent/daemon/slots.hpp"', "may not know agent/daemon"),
    ("agent/executors/host/process.cpp", "#include <git2.h>", "libgit2 belongs to"),
    ("cli/main.cpp", '#include "hooks/event.hpp"', "may not know hooks"),
    ("cli/main.cpp", '#include "server/app.hpp"', "may not know server"),
    ("cli/api_client.cpp", "#include <curl/curl.h>", "libcurl belongs to"),
    ("platform/spawn.cpp", "#include <boost/process.hpp>", "Boost.Process v1 belongs to nobody"),
    ("hooks/git/sluice_hook.c", "#include <curl/curl.h>", "libcurl belongs to"),
    ("hooks/git/hook/text.c", '#include "platform/files.hpp"', "libc only"),
])
def test_the_checker_sees_a_violation(path, line, reason):
    found = list(violations(path, "// a comment\n" + line + "\n"))
    assert found and any(reason in text for text in found), found
    assert found[0].startswith(f"{path}:2: ")


@pytest.mark.parametrize("path, line", [
    ("pipelines/plan/plan.cpp", '#include "pipelines/base/json.hpp"'),
    ("pipelines/config/document.cpp", "#include <yaml-cpp/yaml.h>"),
    ("platform/http_client.cpp", "#include <curl/curl.h>"),
    ("platform/spawn.hpp", "#include <boost/process/v2/process.hpp>"),
    ("server/store/jobs.cpp", "#include <soci/soci.h>"),
    ("server/core/gate.cpp", '#include "server/store/jobs.hpp"'),
    ("server/app.cpp", '#include "server/api/api.hpp"'),
    ("agent/runner/run_job.cpp", '#include "agent/executors/executor.hpp"'),
    ("cli/commands/hooks.cpp", '#include "hooks/git/install.hpp"'),
    ("cli/commands/run_local.cpp", '#include "agent/runner/run_job.hpp"'),
    ("hooks/git/hook/text.c", '#include "hooks/git/hook/text.h"'),
    ("hooks/git/hook/text.c", "#include <sys/stat.h>"),
])
def test_the_checker_lets_pass_what_is_allowed(path, line):
    assert not list(violations(path, line + "\n"))
