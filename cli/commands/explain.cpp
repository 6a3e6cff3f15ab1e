// explain: why each job is selected or not, with the paths and values that decided.
#include "cli/commands/commands.hpp"
#include "cli/diagnostic_view.hpp"
#include "cli/json_view.hpp"
#include "cli/local/event_options.hpp"
#include "cli/term/text.hpp"
#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::cli {
namespace {

struct ExplainOptions {
    std::vector<std::string> jobs;
    local::EventOptions event;
};

/// The plan's word for the job, nullptr for one that the event does not bring.
const plan::PlannedJob* planned(const local::Pipeline& pipeline, const std::string& id) {
    if (!pipeline.outcome.plan) return nullptr;
    for (const plan::PlannedJob& job : pipeline.outcome.plan->jobs)
        if (job.spec.id == id) return &job;
    return nullptr;
}

/// Those that the words name: ids, cells, globs; all without words.
Result<std::vector<plan::JobReasons>> chosen_jobs(const plan::Trace& trace,
                                                  const std::vector<std::string>& words) {
    if (words.empty()) return trace.jobs;
    std::vector<plan::JobReasons> out;
    std::vector<std::string> ids;
    for (const auto& job : trace.jobs) ids.push_back(job.base);
    for (const std::string& word : words) {
        const auto before = out.size();
        for (const auto& job : trace.jobs)
            if (job.id == word || job.base == word || text::glob_match(word, job.base))
                out.push_back(job);
        if (out.size() > before) continue;
        const auto near = text::nearest(word, ids);
        return usage_error("there is no job '" + printable(word) + "'" +
                           (near ? "; did you mean '" + *near + "'?" : ""));
    }
    return out;
}

std::string_view word_of(plan::Choice choice) {
    switch (choice) {
        case plan::Choice::selected: return "runs";
        case plan::Choice::later: return "decided later";
        case plan::Choice::not_selected: return "not needed";
        case plan::Choice::absent: return "not for this event";
    }
    return "";
}

Colour colour_of(plan::Choice choice) {
    switch (choice) {
        case plan::Choice::selected: return Colour::green;
        case plan::Choice::later: return Colour::yellow;
        case plan::Choice::not_selected:
        case plan::Choice::absent: return Colour::dim;
    }
    return Colour::plain;
}

std::string needs_text(const plan::PlannedJob& job) {
    std::string out;
    for (const plan::Need& need : job.needs) out += (out.empty() ? "" : ", ") + need.job;
    if (!out.empty() || job.when != model::When::success)
        out += fmt::format("{}when: {}", out.empty() ? "" : "; ", to_text(job.when));
    return out;
}

void print(const Terminal& out, const ConfigSet& files, const plan::JobReasons& job,
           const plan::PlannedJob* plan) {
    out.line(fmt::format("{}  {}", out.paint(Colour::bold, printable(job.id)),
                         out.paint(colour_of(job.choice), word_of(job.choice))));
    for (const plan::Reason& reason : job.reasons) {
        const std::string place =
            reason.line > 0 ? fmt::format("  ({}:{})", files.shown_as(reason.file), reason.line)
                            : "";
        out.line(fmt::format("  {} {:<8} {}{}",
                             reason.later   ? "?"
                             : reason.holds ? "+"
                                            : "-",
                             reason.rule, printable(reason.text),
                             out.paint(Colour::dim, printable(place))));
    }
    if (plan == nullptr) return;
    if (const std::string needs = needs_text(*plan); !needs.empty() && plan->selected)
        out.line(fmt::format("    {:<8} {}", "needs", printable(needs)));
    for (const std::string& text : plan->unsupported)
        out.line(fmt::format("  - {:<8} {}", "refused", printable(text)));
}

json::Value to_json(const plan::JobReasons& job, const plan::PlannedJob* plan) {
    json::Array reasons;
    for (const plan::Reason& reason : job.reasons)
        reasons.push_back(json::Object{{"rule", reason.rule},
                                       {"holds", reason.holds},
                                       {"later", reason.later},
                                       {"text", reason.text},
                                       {"file", reason.file},
                                       {"line", reason.line}});
    json::Object out{{"id", job.id},
                     {"base", job.base},
                     {"choice", to_text(job.choice)},
                     {"reasons", std::move(reasons)}};
    if (plan == nullptr) return out;
    json::Array needs;
    for (const plan::Need& need : plan->needs) needs.push_back(json::Value(need.job));
    out["needs"] = std::move(needs);
    out["when"] = to_text(plan->when);
    json::Array unsupported;
    for (const std::string& text : plan->unsupported) unsupported.push_back(json::Value(text));
    out["unsupported"] = std::move(unsupported);
    return out;
}

std::string headline(const local::Pipeline& pipeline, const ExplainOptions& options) {
    std::string out = local::describe(pipeline.input.event);
    if (!options.event.commit.empty()) out += " at " + short_sha(pipeline.input.event.sha);
    if (pipeline.input.changed_paths)
        out += fmt::format(", changed against {}: {}", options.event.changed_from,
                           pipeline.input.changed_paths->size());
    return out;
}

Result<Exit> explain(Context& context, const ExplainOptions& options) {
    SLUICE_TRY(auto checkout, local::read_checkout());
    plan::Trace trace;
    SLUICE_TRY(auto pipeline,
               local::plan_checkout(checkout, options.event, 1, context.clock.now(), &trace));
    print_diagnostics(context.err, pipeline.files, pipeline.outcome.diagnostics);
    if (config::has_errors(pipeline.outcome.diagnostics)) return Exit::negative;
    SLUICE_TRY(auto jobs, chosen_jobs(trace, options.jobs));
    const bool is_skipped = plan::is_skipped(pipeline.input.event);
    if (context.globals.json) {
        json::Array list;
        for (const auto& job : jobs) list.push_back(to_json(job, planned(pipeline, job.id)));
        context.out.write(pretty(json::Object{{"event", model::to_json(pipeline.input.event)},
                                              {"skipped", is_skipped},
                                              {"jobs", std::move(list)}}));
        return Exit::ok;
    }
    context.out.line(printable(headline(pipeline, options)));
    if (is_skipped)
        context.out.line("the message holds [skip ci]: a server makes no run for this push");
    for (const auto& job : jobs) {
        context.out.line();
        print(context.out, pipeline.files, job, planned(pipeline, job.id));
    }
    return Exit::ok;
}

}  // namespace

void add_explain_command(CLI::App& app, Command& chosen) {
    auto* sub = app.add_subcommand("explain",
                                   "Why each job would run or not: paths and values that decide");
    auto options = std::make_shared<ExplainOptions>();
    sub->add_option("JOB", options->jobs, "Ids, cells or globs; default: all jobs")->type_name("");
    local::add_event_options(
        *sub, options->event,
        {"push", "pull_request", "tag", "merge_queue", "schedule", "manual", "dataset"});
    local::add_more_event_options(*sub, options->event);
    sub->footer("+ holds, - does not, ? is decided when the needs have ended.");
    sub->callback([&chosen, options] {
        chosen = [options](Context& context) { return explain(context, *options); };
    });
}

}  // namespace sluice::cli
