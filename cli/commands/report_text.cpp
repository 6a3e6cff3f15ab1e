#include "cli/commands/report_text.hpp"

#include "cli/json_view.hpp"
#include "cli/term/table.hpp"
#include "cli/term/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace sluice::cli {
namespace {

constexpr std::size_t k_jobs = 50;
constexpr std::size_t k_failures = 50;
constexpr int k_listed = 50;

double double_of(const json::Value& object, std::string_view key) {
    const json::Value& value = member(object, key);
    return value.is_number() ? value.to_number<double>() : 0;
}

/// At most two digits behind the point, none that say nothing.
std::string number_text(double value) {
    std::string out = fmt::format("{:.2f}", value);
    while (out.ends_with('0')) out.pop_back();
    if (out.ends_with('.')) out.pop_back();
    return out == "-0" ? "0" : out;
}

std::string with_unit(const std::string& name, double value) {
    if (name.starts_with("coverage.")) return fmt::format("{:.1f}%", value);
    return number_text(value);
}

/// `+3`, `-0.5%`; "" when nothing changed as far as it is shown.
std::string change_text(const std::string& name, double value, double base) {
    const std::string size = with_unit(name, std::abs(value - base));
    if (size == "0" || size == "0.0%") return "";
    return (value > base ? "+" : "-") + size;
}

/// 1: more is better; -1: less is; 0: nobody knows.
int direction(const std::string& name) {
    if (name.starts_with("coverage.") || name == "tests.passed" || name == "findings.fixed")
        return 1;
    if (name.starts_with("findings.") || name == "tests.failed" || name == "tests.flaky" ||
        name == "tests.seconds")
        return -1;
    return 0;
}

Colour colour_of_change(const std::string& name, double value, double base) {
    const int sign = (value > base) - (value < base);
    const int judged = sign * direction(name);
    return judged > 0 ? Colour::green : judged < 0 ? Colour::red : Colour::plain;
}

const json::Value* metric_of(const JobReports& job, std::string_view name) {
    for (const json::Value& metric : items_of(job.comparison, "metrics"))
        if (text_of(metric, "name") == name) return &metric;
    return nullptr;
}

/// ` (+3)` in its colour, when there is a base and it differs.
std::string change_of(const Terminal& out, const JobReports& job, const std::string& name) {
    const json::Value* metric = metric_of(job, name);
    if (metric == nullptr || !member(*metric, "base").is_number()) return "";
    const double value = double_of(*metric, "value"), base = double_of(*metric, "base");
    const std::string text = change_text(name, value, base);
    if (text.empty()) return "";
    return " (" + out.paint(colour_of_change(name, value, base), text) + ")";
}

std::string place_of(const json::Value& item) {
    std::string out = text_of(item, "file");
    const auto line = number_of(item, "line").value_or(0);
    if (!out.empty() && line > 0) out += fmt::format(":{}", line);
    return printable(out);
}

std::string counted(std::int64_t count, std::string_view word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

void add(std::string& line, const std::string& part) {
    line += (line.empty() ? "" : ", ") + part;
}

std::string tests_text(const Terminal& out, const JobReports& job, const json::Value& tests) {
    const auto count = [&](const char* name) { return number_of(tests, name).value_or(0); };
    std::string line = counted(count("total"), "test") + change_of(out, job, "tests.total");
    if (const auto bad = count("failed") + count("errored"); bad > 0) {
        std::string text = out.paint(Colour::red, fmt::format("{} failed", bad));
        if (const json::Value& since = member(job.comparison, "tests"); since.is_object())
            text += fmt::format(" ({} new)", number_of(since, "new_failures").value_or(0));
        add(line, text);
    }
    if (const auto fixed = number_of(member(job.comparison, "tests"), "fixed").value_or(0);
        fixed > 0)
        add(line, out.paint(Colour::green, fmt::format("{} fixed", fixed)));
    if (count("flaky") > 0)
        add(line, out.paint(Colour::yellow, fmt::format("{} flaky", count("flaky"))));
    if (count("skipped") > 0) add(line, fmt::format("{} skipped", count("skipped")));
    return line;
}

std::string findings_text(const Terminal& out, const json::Value& findings) {
    std::string line = counted(number_of(findings, "total").value_or(0), "finding");
    if (const auto added = number_of(findings, "added").value_or(0); added > 0)
        add(line, out.paint(Colour::red, fmt::format("{} new", added)));
    if (const auto fixed = number_of(findings, "fixed").value_or(0); fixed > 0)
        add(line, out.paint(Colour::green, fmt::format("{} fixed", fixed)));
    return line;
}

std::string share(std::int64_t part, std::int64_t whole) {
    return whole == 0 ? "-"
                      : fmt::format("{:.1f}%",
                                    100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string coverage_text(const Terminal& out, const JobReports& job, const json::Value& coverage) {
    const auto count = [&](const char* name) { return number_of(coverage, name).value_or(0); };
    std::string line = "coverage " + share(count("lines_covered"), count("lines")) +
                       change_of(out, job, "coverage.lines");
    if (count("changed_lines") > 0)
        add(line, "changed lines " + share(count("changed_covered"), count("changed_lines")));
    return line;
}

void print_thresholds(const Terminal& out, const json::Value& reports) {
    for (const json::Value& result : items_of(reports, "thresholds")) {
        const std::string verdict = text_of(result, "verdict");
        out.line("  " + out.paint_state(verdict) + "  " + printable(text_of(result, "text")));
    }
}

/// Names of tests as one text, to look them up.
std::set<std::string> names_of(const json::Array& tests) {
    std::set<std::string> out;
    for (const json::Value& test : tests)
        out.insert(text_of(test, "suite") + "\n" + text_of(test, "name"));
    return out;
}

void print_failures(const Terminal& out, const JobReports& job) {
    const json::Value& tests = member(job.reports, "tests");
    const auto fresh = names_of(items_of(member(job.comparison, "tests"), "new_failure_names"));
    const auto& failures = items_of(tests, "failures");
    for (std::size_t i = 0; i < std::min(failures.size(), k_failures); ++i) {
        const json::Value& test = failures[i];
        const bool is_new = fresh.contains(text_of(test, "suite") + "\n" + text_of(test, "name"));
        std::string line = "  " + out.paint(Colour::red, is_new ? "new failure" : "failed");
        if (flag_of(test, "flaky")) line += out.paint(Colour::yellow, " flaky");
        line += "  " + printable(text_of(test, "name"));
        if (const std::string place = place_of(test); !place.empty()) line += "  " + place;
        out.line(line);
        if (const std::string message = printable(text_of(test, "message")); !message.empty())
            out.line("      " + cut_to_width(message, 160));
    }
    if (failures.size() > k_failures) out.line(fmt::format("  … {} in all", failures.size()));
    for (const json::Value& test : items_of(tests, "flaky_cases"))
        out.line("  " + out.paint(Colour::yellow, "flaky") + "  " +
                 printable(text_of(test, "name")) + "  " +
                 cut_to_width(printable(text_of(test, "message")), 100));
    for (const json::Value& test : items_of(member(job.comparison, "tests"), "slower_tests"))
        out.line("  " + out.paint(Colour::yellow, "slower") + "  " +
                 printable(text_of(test, "name")) + "  " +
                 human_duration(number_of(test, "duration_ms")) + ", was " +
                 human_duration(number_of(test, "base_ms")));
}

/// Of the full reports: what the summary has no room for. A server without them gives nothing.
json::Value items(ApiClient& server, const JobReports& job, const std::string& name, Query query) {
    query.emplace_back("shards", "all");
    query.emplace_back("limit", std::to_string(k_listed));
    auto reply = server.get(fmt::format("/api/v1/jobs/{}/reports/{}", job.job, name), query);
    return reply ? std::move(*reply) : json::Value(json::Object{});
}

void print_more(const Terminal& out, const json::Value& page) {
    const auto total = number_of(page, "total").value_or(0);
    if (total > k_listed) out.line(fmt::format("  … {} in all", total));
}

void print_findings(const Terminal& out, ApiClient& server, const JobReports& job) {
    if (!member(job.reports, "findings").is_object()) return;
    const json::Value page = items(server, job, "findings", {{"state", "new"}, {"sort", "worst"}});
    for (const json::Value& finding : items_of(page, "items")) {
        std::string message = text_of(finding, "message");
        out.line("  " + out.paint(Colour::red, "new") + "  " + place_of(finding) + "  " +
                 text_of(finding, "severity") + ": " +
                 printable(message.substr(0, message.find('\n'))) + "  [" +
                 printable(text_of(finding, "rule")) + "]");
    }
    print_more(out, page);
}

void print_uncovered(const Terminal& out, ApiClient& server, const JobReports& job) {
    if (!member(job.reports, "coverage").is_object()) return;
    const json::Value page =
        items(server, job, "coverage", {{"summary", "true"}, {"sort", "worst"}});
    for (const json::Value& file : items_of(page, "items"))
        if (const std::string lines = text_of(file, "changed_uncovered"); !lines.empty())
            out.line("  " + out.paint(Colour::yellow, "changed, not covered") + "  " +
                     printable(text_of(file, "file")) + ": " + lines);
}

void print_numbers(const Terminal& out, const JobReports& job) {
    const auto& metrics = items_of(job.comparison, "metrics");
    if (metrics.empty()) return;
    Table table({"METRIC", "VALUE", "BASE", "CHANGE"});
    for (const json::Value& metric : metrics) {
        const std::string name = text_of(metric, "name");
        const double value = double_of(metric, "value");
        if (!member(metric, "base").is_number()) {
            table.row({name, with_unit(name, value), "-", ""});
            continue;
        }
        const double base = double_of(metric, "base");
        table.row({name, with_unit(name, value), with_unit(name, base),
                   Cell(change_text(name, value, base), colour_of_change(name, value, base))});
    }
    out.write(table.render(out));
}

std::string base_text(const JobReports& job) {
    const std::string base = text_of(member(job.comparison, "base"), "name");
    return base.empty() ? "" : "compared with " + printable(base);
}

}  // namespace

Result<std::vector<JobReports>> reports_of(ApiClient& server, const json::Array& jobs,
                                           const std::string& only) {
    std::vector<JobReports> out;
    std::set<std::string> seen;
    for (const json::Value& job : jobs) {
        const json::Value& reports = member(job, "reports");
        const std::string group = text_of(member(job, "shard"), "of");
        const std::string key = group.empty() ? text_of(job, "key") : group;
        const bool wanted = only.empty() || only == key || only == text_of(job, "key");
        const bool any =
            reports.is_object() &&
            (member(reports, "tests").is_object() || member(reports, "findings").is_object() ||
             member(reports, "coverage").is_object() || member(reports, "metrics").is_object());
        if (!wanted || !any || out.size() == k_jobs || !seen.insert(key).second) continue;
        JobReports one{key, number_of(job, "id").value_or(0), reports, json::Object{}};
        const Query shards{{"shards", "all"}};
        const std::string path = fmt::format("/api/v1/jobs/{}", one.job);
        if (!group.empty()) {
            SLUICE_TRY(one.reports, server.get(path + "/reports", shards));
        }
        auto comparison = server.get(path + "/comparison", shards);
        if (comparison) one.comparison = std::move(*comparison);
        if (!comparison && comparison.error().code != Code::not_found) return comparison.error();
        out.push_back(std::move(one));
    }
    return out;
}

void print_report_line(const Terminal& out, const JobReports& job) {
    std::string line;
    const auto part = [&](std::string text) { line += (line.empty() ? "" : "; ") + text; };
    if (const json::Value& tests = member(job.reports, "tests"); tests.is_object())
        part(tests_text(out, job, tests));
    if (const json::Value& findings = member(job.reports, "findings"); findings.is_object())
        part(findings_text(out, findings));
    if (const json::Value& coverage = member(job.reports, "coverage"); coverage.is_object())
        part(coverage_text(out, job, coverage));
    if (line.empty())
        line = counted(static_cast<std::int64_t>(items_of(job.comparison, "metrics").size()),
                       "metric");
    out.line(out.paint(Colour::bold, printable(job.key)) + ": " + line);
    if (const std::string base = base_text(job); !base.empty()) out.line("    " + base);
}

Result<> print_reports(const Terminal& out, ApiClient& server, const JobReports& job) {
    print_report_line(out, job);
    for (const json::Value& problem : items_of(job.reports, "problems"))
        if (const auto* text = problem.if_string())
            out.line("  " + out.paint(Colour::yellow, printable({text->data(), text->size()})));
    print_thresholds(out, job.reports);
    print_failures(out, job);
    print_findings(out, server, job);
    print_uncovered(out, server, job);
    print_numbers(out, job);
    return {};
}

}  // namespace sluice::cli
