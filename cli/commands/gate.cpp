// gate: may this commit merge? Exit code 0 green, 1 red, 2 pending or unknown.
#include "cli/gate.hpp"
#include "cli/commands/commands.hpp"
#include "cli/git.hpp"
#include "cli/json_view.hpp"
#include "cli/term/text.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/base/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace sluice::cli {
namespace {

/// A server that restarts during a long wait is waited for this long.
constexpr std::chrono::seconds k_outage{60};
constexpr std::chrono::milliseconds k_first_poll{100};
constexpr std::chrono::milliseconds k_last_poll{1000};

struct GateOptions {
    std::string target;
    std::string project;
    bool wait = false;
    std::string timeout = "1h";
};

bool looks_like_short_id(const std::string& text) {
    return text.size() >= 7 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// A full id is a commit, so are HEAD and a short id that this checkout knows; anything else is a
/// branch.
Query query_for(const std::string& target) {
    if (text::is_commit_id(target)) return {{"sha", target}};
    if (target.empty() || target == "HEAD" || looks_like_short_id(target)) {
        auto commit = git::commit_of(target.empty() ? "HEAD" : target);
        if (commit) return {{"sha", *commit}};
        if (!looks_like_short_id(target)) return {};
    }
    return {{"branch", target}};
}

void print_gate(const Terminal& out, const json::Value& gate) {
    std::string verdict = text_of(gate, "verdict");
    out.line(fmt::format("{}  {} {}  {}", out.paint_state(verdict),
                         printable(text_of(gate, "project")), short_sha(text_of(gate, "sha")),
                         printable(text_of(gate, "summary"))));
    Table table({"CHECK", "", "STATE", "NOTE"});
    for (const auto& check : items_of(gate, "checks"))
        table.row({text_of(check, "name"), Cell::state(text_of(check, "color")),
                   Cell::state(text_of(check, "state")), text_of(check, "note")});
    if (!table.empty()) out.write(table.render(out));
    auto run = number_of(gate, "run_id");
    if (run && verdict != "green") out.line(fmt::format("details: sluice run show {}", *run));
}

Result<Exit> gate(Context& context, const GateOptions& options) {
    SLUICE_TRY(auto patience, parse_duration(options.timeout));
    Query query = query_for(options.target);
    if (query.empty())
        return usage_error("say which commit or branch: sluice gate COMMIT (no git checkout here)");
    SLUICE_TRY(auto project, context.project_or_detect(options.project));
    SLUICE_TRY(auto* server, context.api());
    const std::string path = "/api/v1/projects/" + path_part(project) + "/gate";

    auto started = context.clock.steady();
    auto last_contact = started;
    auto pause = k_first_poll;
    Progress progress = context.progress();
    for (;;) {
        auto reply = server->get(path, query);
        auto now = context.clock.steady();
        if (!reply) {
            bool may_come_back =
                options.wait && reply.error().id == k_unreachable && now - last_contact < k_outage;
            if (!may_come_back) return reply.error();
            progress.show("waiting for the server", now);
        } else {
            last_contact = now;
            Exit verdict = verdict_of(*reply);
            if (verdict != Exit::unknown || !options.wait || now - started >= patience) {
                progress.clear();
                context.show(*reply, [&] { print_gate(context.out, *reply); });
                return verdict;
            }
            progress.show(waiting_text(*reply), now);
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(k_last_poll, pause * 3 / 2);
    }
}

}  // namespace

void add_gate_command(CLI::App& app, Command& chosen) {
    auto* sub = app.add_subcommand(
        "gate", "May this commit merge? Exits 0 green, 1 red, 2 pending or unknown");
    auto options = std::make_shared<GateOptions>();
    sub->add_option("COMMIT", options->target,
                    "Commit id or branch; default: HEAD of this checkout")
        ->type_name("");
    sub->add_option("--project", options->project, "Default: the project of this checkout")
        ->type_name("PROJECT");
    sub->add_flag("--wait", options->wait, "Until the verdict is green or red");
    sub->add_option("--timeout", options->timeout, "With --wait: how long, e.g. 90s, 1h30m")
        ->type_name("DURATION")
        ->capture_default_str();
    sub->callback([&chosen, options] {
        chosen = [options](Context& context) { return gate(context, *options); };
    });
}

}  // namespace sluice::cli
