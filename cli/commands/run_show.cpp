// run show: jobs, steps, failing tests with their lines, diagnostics.
#include "cli/commands/commands.hpp"
#include "cli/commands/report_text.hpp"
#include "cli/json_view.hpp"
#include "cli/output_lines.hpp"
#include "cli/term/text.hpp"
#include "cli/usage.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::cli {
namespace {

constexpr std::size_t k_failures_shown = 20;

bool went_wrong(const std::string& state) {
    return state == "failed" || state == "errored" || state == "warned";
}

std::string note_of(const json::Value& job) {
    std::string text = text_of(job, "message");
    if (text.empty()) text = text_of(job, "wait_reason");
    if (text.empty() && number_of(job, "carried_from")) text = "carried over from an earlier run";
    std::string cause = text_of(job, "cause");
    if (!cause.empty() && cause != "none" && cause != "script" &&
        text.find(cause) == std::string::npos)
        text = text.empty() ? cause : cause + ": " + text;
    return text;
}

void print_heading(const Terminal& out, const json::Value& run) {
    std::string ref =
        text_of(run, "tag").empty() ? text_of(run, "branch") : "tag " + text_of(run, "tag");
    out.line(fmt::format(
        "{} {} #{}  {} {} {}  {}  {}  {}",
        out.paint(Colour::bold, fmt::format("run {}", number_of(run, "id").value_or(0))),
        printable(text_of(run, "project")), number_of(run, "number").value_or(0),
        text_of(run, "event"), printable(ref), short_sha(text_of(run, "sha")), text_of(run, "tier"),
        out.paint_state(text_of(run, "state")), human_duration(number_of(run, "duration_ms"))));
    std::string message = text_of(run, "message");
    message = printable(message.substr(0, message.find('\n')));
    std::string author = printable(text_of(run, "author"));
    if (!message.empty()) out.line("    " + message + (author.empty() ? "" : "  (" + author + ")"));
    if (std::string reason = printable(text_of(run, "reason")); !reason.empty())
        out.line("    " + out.paint(Colour::red, reason));
}

void print_diagnostics(const Terminal& out, const json::Value& reply) {
    for (const auto& diagnostic : items_of(reply, "diagnostics"))
        out.line(out.paint(Terminal::colour_of_state(text_of(diagnostic, "severity")),
                           printable(text_of(diagnostic, "text"))));
}

std::string place_of(const json::Value& test) {
    std::string file = text_of(test, "file");
    auto line = number_of(test, "line").value_or(0);
    if (file.empty()) return "";
    return line > 0 ? fmt::format("{}:{}", file, line) : file;
}

void print_tests(const Terminal& out, const json::Value& job) {
    const auto& tests = member(member(job, "reports"), "tests");
    const auto& failures = items_of(tests, "failures");
    if (failures.empty()) return;
    auto bad = number_of(tests, "failed").value_or(0) + number_of(tests, "errored").value_or(0);
    out.line();
    out.line(out.paint(Colour::bold, printable(text_of(job, "key"))) +
             fmt::format(": {} of {} tests failed", bad, number_of(tests, "total").value_or(0)));
    for (std::size_t i = 0; i < std::min(failures.size(), k_failures_shown); ++i) {
        const auto& test = failures[i];
        std::string place = printable(place_of(test));
        std::string name = printable(text_of(test, "name"));
        out.line("  " + (place.empty() ? name : out.paint(Colour::red, place) + "  " + name));
        if (std::string message = printable(text_of(test, "message")); !message.empty())
            out.line("      " + cut_to_width(message, 160));
    }
    if (failures.size() > k_failures_shown || flag_of(tests, "truncated"))
        out.line(fmt::format("  … {} in all", bad));
}

void print_steps(const Terminal& out, const json::Value& job) {
    const auto& steps = items_of(job, "steps");
    if (steps.empty() || !went_wrong(text_of(job, "state"))) return;
    out.line();
    out.line(out.paint(Colour::bold, printable(text_of(job, "key"))) + ": steps");
    for (const auto& step : steps) {
        auto code = number_of(step, "exit_code");
        out.line(fmt::format("  {}  {}  {}{}", out.paint_state(text_of(step, "state")),
                             human_duration(number_of(step, "duration_ms")),
                             printable(text_of(step, "name")),
                             code && *code != 0 ? fmt::format("  (exit code {})", *code) : ""));
    }
}

void print_problems(const Terminal& out, const json::Value& job) {
    for (const auto& problem : items_of(member(job, "reports"), "problems")) {
        const auto* text = problem.if_string();
        if (text != nullptr)
            out.line(out.paint(Colour::yellow, printable(text_of(job, "key")) + ": " +
                                                   printable({text->data(), text->size()})));
    }
}

/// The tick of a schedule, and values that somebody gave.
void print_choices(const Terminal& out, const json::Value& reply) {
    const json::Value& tick = member(reply, "schedule");
    if (tick.is_object())
        out.line(printable(fmt::format("schedule {}, for {} {}", text_of(tick, "name"),
                                       text_of(tick, "date"), text_of(tick, "time"))));
    const auto* params = member(reply, "params").if_object();
    if (params == nullptr || params->empty()) return;
    std::string line = "params";
    for (const auto& [name, value] : *params)
        line += fmt::format(" {}={}", std::string(name),
                            text_of(member(reply, "params"), std::string(name)));
    out.line(printable(line));
}

void print_run(const Terminal& out, const json::Value& reply) {
    print_heading(out, member(reply, "run"));
    print_choices(out, reply);
    print_diagnostics(out, reply);
    const auto& jobs = items_of(reply, "jobs");
    if (jobs.empty()) return;
    out.line();
    Table table({"JOB", "STATE", "TIME", "AGENT", "NOTE"});
    for (const auto& job : jobs)
        table.row({text_of(job, "key"), Cell::state(text_of(job, "state")),
                   human_duration(number_of(job, "duration_ms")), text_of(job, "agent"),
                   note_of(job)});
    out.write(table.render(out));
    for (const auto& job : jobs) {
        print_steps(out, job);
        print_problems(out, job);
        print_outputs(out, text_of(job, "key"), member(job, "outputs"));
        print_tests(out, job);
    }
}

Result<Exit> show(Context& context, std::int64_t run) {
    SLUICE_TRY(auto* server, context.api());
    SLUICE_TRY(auto reply, server->get(fmt::format("/api/v1/runs/{}", run)));
    // A server that can't compare is no reason not to show the run.
    const auto reports = context.globals.json
                             ? Result<std::vector<JobReports>>(std::vector<JobReports>{})
                             : reports_of(*server, items_of(reply, "jobs"), "");
    context.show(reply, [&] {
        print_run(context.out, reply);
        if (!reports || reports->empty()) return;
        context.out.line();
        for (const JobReports& job : *reports) print_report_line(context.out, job);
    });
    return Exit::ok;
}

}  // namespace

void add_run_show_command(CLI::App& run, Command& chosen) {
    auto* showing =
        run.add_subcommand("show", "One run: jobs, failing steps and tests, diagnostics");
    auto id = std::make_shared<std::int64_t>();
    showing->add_option("RUN", *id, "Id of the run")->required()->type_name("")->check(id_of_run());
    showing->callback(
        [&chosen, id] { chosen = [id](Context& context) { return show(context, *id); }; });
}

}  // namespace sluice::cli
