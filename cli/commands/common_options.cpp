#include "cli/commands/common_options.hpp"

#include <fmt/format.h>

namespace sluice::cli {

namespace {
constexpr const char* k_default_project = "Default: the project of this checkout";
}  // namespace

void add_project_option(CLI::App& command, std::string& project) {
    command.add_option("--project", project, k_default_project)->type_name("PROJECT");
}

void add_project_argument(CLI::App& command, std::string& project) {
    command.add_option("PROJECT", project, k_default_project)->type_name("");
}

void add_scope_options(CLI::App& command, std::vector<std::string>& events,
                       std::vector<std::string>& branches, std::string_view how) {
    command
        .add_option("--event", events,
                    "Only for that event; repeatable. Default: all but pull requests and merge "
                    "queue entries")
        ->type_name("EVENT")
        ->allow_extra_args(false);
    command
        .add_option("--branch", branches,
                    fmt::format("Only {} those branches (of a pull request: its target); "
                                "repeatable. Default: protected branches and tags",
                                how))
        ->type_name("GLOB")
        ->allow_extra_args(false);
}

}  // namespace sluice::cli
