// gate: may this commit merge? Exit code 0 green, 1 red, 2 pending or unknown. gate approve.
#include "cli/gate.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/common_options.hpp"
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
    std::string branch;
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

/// A branch may be called `$(id)`: what people copy into a shell is quoted.
std::string shell_word(const std::string& text) {
    const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '.' || c == '_' || c == '/' || c == '-';
    });
    if (plain) return text;
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string joined(const json::Value& object, const char* key) {
    std::string text;
    for (const auto& item : items_of(object, key))
        if (const auto* word = item.if_string())
            text += (text.empty() ? "" : ", ") + printable(std::string(*word));
    return text;
}

/// Where the rules stand, when that is not the commit itself with a gate of its own.
std::string rules_text(const json::Value& gate) {
    const auto branch = printable(text_of(gate, "branch"));
    const auto tip = short_sha(text_of(gate, "config_sha"));
    const auto source = text_of(gate, "rules");
    if (source == "file") return fmt::format("rules   gate of {} at {}", branch, tip);
    if (source == "unreadable")
        return fmt::format("rules   the gate of {} at {} can't be read: every job counts", branch,
                           tip);
    return fmt::format("rules   {} has no gate: every job counts", branch);
}

void print_config_change(const Terminal& out, const json::Value& gate) {
    const auto& change = member(gate, "config_change");
    if (change.is_null()) return;
    const auto jobs = joined(change, "jobs");
    out.line(fmt::format("edits   {}{}", joined(change, "files"),
                         jobs.empty() ? "" : "; required jobs that change: " + jobs));
    if (flag_of(change, "gate")) out.line("        edits `gate`, which is in force after merging");
    const auto state = text_of(change, "state");
    const auto reason = printable(text_of(change, "reason"));
    if (state == "approved")
        out.line(fmt::format("        approved by {}{}", printable(text_of(change, "approved_by")),
                             reason.empty() ? "" : ": " + reason));
    if (state == "waiting")
        out.line(out.paint(Colour::yellow,
                           fmt::format("        look at it, then: sluice gate approve {} "
                                       "--project {} --branch {}",
                                       text_of(gate, "sha"), printable(text_of(gate, "project")),
                                       shell_word(printable(text_of(gate, "branch"))))));
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
    if (text_of(gate, "rules") != "file" || text_of(gate, "config_sha") != text_of(gate, "sha"))
        out.line(rules_text(gate));
    print_config_change(out, gate);
    auto run = number_of(gate, "run_id");
    if (run && verdict != "green") out.line(fmt::format("details: sluice run show {}", *run));
}

Result<Exit> gate(Context& context, const GateOptions& options) {
    SLUICE_TRY(auto patience, parse_duration(options.timeout));
    Query query = query_for(options.target);
    if (query.empty())
        return usage_error("say which commit or branch: sluice gate COMMIT (no git checkout here)");
    if (!options.branch.empty() && query.front().first == "branch")
        return usage_error("--branch goes with a commit: the branch it is to be merged into");
    if (!options.branch.empty()) query.emplace_back("branch", options.branch);
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

struct ApproveOptions {
    std::string target, project, branch, reason;
};

/// Shows what is approved: the digest that the server gets is that of what was printed.
Result<Exit> approve(Context& context, const ApproveOptions& options) {
    Query query = query_for(options.target);
    if (query.empty() || query.front().first != "sha")
        return usage_error("say which commit: sluice gate approve COMMIT");
    if (!options.branch.empty()) query.emplace_back("branch", options.branch);
    SLUICE_TRY(auto project, context.project_or_detect(options.project));
    SLUICE_TRY(auto* server, context.api());
    const std::string path = "/api/v1/projects/" + path_part(project) + "/gate";
    SLUICE_TRY(auto before, server->get(path, query));
    json::Object body{{"sha", text_of(before, "sha")},
                      {"branch", text_of(before, "branch")},
                      {"digest", text_of(member(before, "config_change"), "digest")},
                      {"reason", options.reason}};
    SLUICE_TRY(auto after, server->post(path + "/approve", body));
    context.show(after, [&] { print_gate(context.out, after); });
    return Exit::ok;
}

}  // namespace

void add_gate_command(CLI::App& app, Command& chosen) {
    auto* sub = app.add_subcommand(
        "gate", "May this commit merge? Exits 0 green, 1 red, 2 pending or unknown");
    auto options = std::make_shared<GateOptions>();
    sub->add_option("COMMIT", options->target,
                    "Commit id or branch; default: HEAD of this checkout")
        ->type_name("");
    add_project_option(*sub, options->project);
    sub->add_option("--branch", options->branch,
                    "The branch a COMMIT is to be merged into; default as its newest run says")
        ->type_name("BRANCH");
    sub->add_flag("--wait", options->wait, "Until the verdict is green or red");
    sub->add_option("--timeout", options->timeout, "With --wait: how long, e.g. 90s, 1h30m")
        ->type_name("DURATION")
        ->capture_default_str();
    auto* approving =
        sub->add_subcommand("approve", "Let a commit's edit of the pipeline's files pass the gate");
    auto approval = std::make_shared<ApproveOptions>();
    approving->add_option("COMMIT", approval->target, "Default: HEAD of this checkout")
        ->type_name("");
    add_project_option(*approving, approval->project);
    approving
        ->add_option("--branch", approval->branch,
                     "The branch it is to be merged into; default as the commit's newest run says")
        ->type_name("BRANCH");
    approving->add_option("--reason", approval->reason, "Kept with the approval")
        ->type_name("TEXT");
    sub->callback([&chosen, options, approval, approving] {
        if (approving->parsed()) {
            chosen = [approval](Context& context) { return approve(context, *approval); };
            return;
        }
        chosen = [options](Context& context) { return gate(context, *options); };
    });
}

}  // namespace sluice::cli
