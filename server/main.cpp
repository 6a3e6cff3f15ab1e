// sluice-server: the CI server; `sluice-server git-worker` is the process that touches
// repositories.

#include "platform/failpoint.hpp"
#include "server/app.hpp"
#include "server/git/git_service.hpp"
#include "server/secrets_command.hpp"

#include <malloc.h>

#include <csignal>
#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
    // Few arenas: threads of the pools would each keep one, and an idle server shall be small.
    ::mallopt(M_ARENA_MAX, 2);
    ::signal(SIGPIPE, SIG_IGN);
    if (sluice::failpoint::is_refused()) {
        std::fputs("sluice-server: SLUICE_FAILPOINT is for test builds, this is none\n", stderr);
        return 2;
    }
    if (argc == 2 && std::string_view(argv[1]) == "git-worker") return sluice::git::worker_main();
    if (argc >= 2 && std::string_view(argv[1]) == "secrets")
        return sluice::server::secrets_command(argc - 1, argv + 1);
    sluice::server::Options options;
    if (auto exit_code = sluice::server::parse_options(argc, argv, options)) return *exit_code;
    return sluice::server::run(options);
}
