#include "cli/usage.hpp"

#include "cli/commands/commands.hpp"

#include <catch2/catch.hpp>

using namespace sluice::cli;

namespace {

std::string explain(const std::vector<std::string>& words) {
    CLI::App app;
    GlobalOptions globals;
    Command chosen;
    add_all_commands(app, globals, chosen);
    return explain_usage(app, words, "RUN is required");
}

}  // namespace

TEST_CASE("a mistyped command gets a suggestion and the help to read", "[cli]") {
    CHECK(explain({"gaet"}) ==
          "error: unknown command 'gaet'; did you mean 'gate'?\nsee: sluice --help");
    CHECK(explain({"--url", "gate", "token", "lst"}) ==
          "error: unknown command 'lst'; did you mean 'list'?\nsee: sluice token --help");
    CHECK(explain({"frobnicate"}) == "error: unknown command 'frobnicate'\nsee: sluice --help");
}

TEST_CASE("where words are allowed, an unknown one is no command", "[cli]") {
    CHECK(explain({"run", "lint", "--bogus"}) == "error: RUN is required\nsee: sluice run --help");
    CLI::App app;
    GlobalOptions globals;
    Command chosen;
    add_all_commands(app, globals, chosen);
    CHECK(usage_exit(app, {"run", "--bogus"}) == Exit::unknown);
    CHECK(usage_exit(app, {"run", "list", "--bogus"}) == Exit::usage);
}

TEST_CASE("a missing subcommand is listed, a missing argument is named", "[cli]") {
    CHECK(explain({"token"}) ==
          "error: sluice token needs a command: create, list, revoke\nsee: sluice token --help");
    CHECK(explain({"run", "show"}) == "error: RUN is required\nsee: sluice run show --help");
}
