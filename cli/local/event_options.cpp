#include "cli/local/event_options.hpp"

namespace sluice::cli::local {

void add_event_options(CLI::App& app, EventOptions& options,
                       const std::vector<std::string>& kinds) {
    app.add_option("--event", options.event,
                   "As if this had happened; default: the first of push, pull_request, manual that "
                   "brings a job")
        ->check(CLI::IsMember(kinds));
    app.add_option("--branch", options.branch, "The branch; default: this checkout's")
        ->type_name("BRANCH");
    app.add_option("--tag", options.tag, "The tag of the event `tag`")->type_name("TAG");
    app.add_option("--target", options.target,
                   "Target of the pull request; default: the default branch")
        ->type_name("BRANCH");
    app.add_option("--schedule", options.schedule,
                   "As if this schedule of the file had fired now (UTC)")
        ->type_name("NAME");
    app.add_option("--changed-from,--base", options.changed_from,
                   "Changed paths are those against this commit; default: everything changed")
        ->type_name("REF");
}

void add_more_event_options(CLI::App& app, EventOptions& options) {
    app.add_option("--commit", options.commit, "A commit instead of the working tree")
        ->type_name("REV");
    app.add_flag("--draft", options.draft, "The pull request is a draft");
    app.add_flag("--fork", options.fork, "The pull request comes from a fork");
    app.add_option("--title", options.title, "Title of the pull request")->type_name("TEXT");
    app.add_option("--label", options.labels, "A label of the pull request; repeatable")
        ->type_name("LABEL");
}

}  // namespace sluice::cli::local
