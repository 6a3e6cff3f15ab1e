/// The part of an attempt that knows kinds: steps that depend on the files, reports, and what they
/// make of a pass.
#include "agent/runner/attempt.hpp"
#include "agent/runner/reports.hpp"
#include "agent/runner/source_checkout.hpp"
#include "agent/runner/workspace_files.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/kinds/kind.hpp"
#include "pipelines/reports/shards.hpp"

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::agent {

namespace {

constexpr int k_findings_shown = 30;

bool is_test_format(std::string_view format) {
    return format == "junit" || format == "tap" || format == "gotest" || format == "jest";
}

/// Where the runner writes for steps, and they for it.
constexpr const char* k_ours = ".sluice";

/// What the runner calls `path` in its own folder.
files::Path in_ours(const HeldFolder& ours, std::string_view path) {
    return ours.path() / files::Path(path).lexically_relative(k_ours);
}

/// `.sluice` is ours; a repository that has a link of that name must not lead us elsewhere, nor
/// processes of earlier steps that put one there now.
Result<> make_report_folder(const files::Path& workspace) {
    const files::Path ours = workspace / k_ours;
    if (::mkdir(ours.c_str(), 0755) != 0) {
        std::error_code failed;
        const auto status = std::filesystem::symlink_status(ours, failed);
        if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
            ::unlink(ours.c_str());
            ::mkdir(ours.c_str(), 0755);
        }
    }
    SLUICE_TRY(const HeldFolder held, HeldFolder::open(workspace, k_ours));
    const files::Path folder = in_ours(held, kinds::k_report_folder);
    SLUICE_CHECK(files::remove_tree(folder));
    if (::mkdir(folder.c_str(), 0755) == 0) return {};
    return files::errno_error(errno, std::string(kinds::k_report_folder));
}

kinds::Tree tree_of(const files::Path& workspace, bool source,
                    const std::optional<reports::ChangedLines>& changes) {
    kinds::Tree tree;
    if (source)
        if (auto tracked = tracked_files(workspace)) tree.files = std::move(*tracked);
    if (tree.files.empty()) tree.files = all_files(workspace);
    // A compilation database is large; everything else that a kind reads is small.
    tree.read = [workspace](const std::string& path) {
        const bool database = path.ends_with("compile_commands.json");
        return text_inside(workspace, path, database ? 64u << 20 : 1u << 20);
    };
    tree.changes = changes;
    return tree;
}

std::string finding_line(const model::Finding& finding) {
    std::string out = finding.file.empty() ? finding.tool : finding.file;
    if (finding.line > 0) out += fmt::format(":{}", finding.line);
    if (finding.column > 0) out += fmt::format(":{}", finding.column);
    out += fmt::format(": {}: {}", to_text(finding.severity),
                       finding.message.substr(0, finding.message.find('\n')));
    if (!finding.rule.empty()) out += fmt::format(" [{} {}]", finding.tool, finding.rule);
    return out;
}

}  // namespace

bool Attempt::add_kind_steps() {
    const kinds::Kind* kind = kinds::find_kind(job_.spec.kind);
    if (std::exchange(kind_expanded_, true) || kind == nullptr || kind->expand == nullptr ||
        failed_ || stop_ != Stop::none)
        return false;
    Result<> made = make_report_folder(folder_.workspace());
    Result<kinds::Expansion> added =
        made
            ? kind->expand(job_.spec, tree_of(folder_.workspace(), job_.source, baseline().changes))
            : Result<kinds::Expansion>(made.error());
    if (!added) {
        note(added.error().message);
        failed_ = true;
        failure_ = {model::AttemptResult::failed, std::nullopt, std::nullopt,
                    made ? model::Cause::config : model::Cause::setup, added.error().message};
        return false;
    }
    for (const std::string& line : added->notes) note(line);
    for (kinds::AddedStep& step : added->steps) {
        if (step.splits_tests) splits_.insert(job_.spec.steps.size());
        model::StepStatus status;
        status.name = step.step.name;
        job_.spec.steps.push_back(std::move(step.step));
        report_.steps.push_back(std::move(status));
    }
    kind_reports_ = std::move(added->reports);
    ports_.sink.progress(report_.steps);
    return !added->steps.empty();
}

void Attempt::split_tests(std::size_t index) {
    if (!splits_.contains(index) || failed_) return;
    const auto list = text_inside(folder_.workspace(), std::string(kinds::k_test_list), 64u << 20);
    std::vector<std::string> names;
    for (const std::string& line : text::split(list.value_or(""), '\n'))
        if (!line.empty()) names.push_back(line);
    const auto shards = reports::split_tests(names, reports::durations_of(names, baseline().tests),
                                             std::max(1, job_.spec.test.shards));
    const auto mine = static_cast<std::size_t>(std::max(1, job_.spec.test.shard) - 1);
    std::string text;
    std::size_t count = 0;
    if (mine < shards.size())
        for (const std::string& name : shards[mine]) {
            text += name + "\n";
            ++count;
        }
    note(fmt::format("shard {} of {}: {} of {}", mine + 1, shards.size(), count, names.size()));
    // Beneath the workspace, wherever a link of the job's would lead.
    if (const auto ours = HeldFolder::open(folder_.workspace(), k_ours))
        (void)files::write_atomic(in_ours(*ours, kinds::k_shard_list), text, 0644, false);
}

const AttemptBaseline& Attempt::baseline() {
    if (baseline_) return *baseline_;
    baseline_.emplace();
    const kinds::Kind* kind = kinds::find_kind(job_.spec.kind);
    const bool kind_asks = kind != nullptr && kind->expand != nullptr;
    const auto& declared = job_.spec.reports;
    const bool compares = std::any_of(declared.begin(), declared.end(), [](const auto& report) {
        return !is_test_format(report.format) && report.format != "metrics";
    });
    // A job that compares nothing does not wait for the server.
    if (!kind_asks && !compares && job_.spec.thresholds.empty()) return *baseline_;
    auto fetched = ports_.sink.baseline();
    if (fetched)
        baseline_ = std::move(*fetched);
    else
        baseline_->name = fetched.error().message;
    return *baseline_;
}

void Attempt::take_reports() {
    const kinds::Kind* kind = kinds::find_kind(job_.spec.kind);
    std::vector<kinds::ExpectedReport> wanted = declared_reports(job_.spec.reports);
    wanted.insert(wanted.end(), kind_reports_.begin(), kind_reports_.end());
    const bool judges = kind != nullptr && kind->rules != nullptr;
    if (wanted.empty() && job_.spec.thresholds.empty() && !judges) return;
    CollectOptions options;
    options.workspace = folder_.workspace();
    options.folder = folder_.path / "reports";
    options.redactor = &redactor_;
    options.reruns = job_.spec.test.rerun_failed > 0;
    // Nobody waits for a comparison of what was stopped.
    const bool whole = stop_ == Stop::none;
    if (whole && !wanted.empty()) options.changes = baseline().changes;
    Collected collected = collect_reports(wanted, options);
    model::Reports& reports = collected.reports;
    reports::Baseline base;
    if (whole) base = static_cast<const reports::Baseline&>(baseline());
    reports::Rules rules;
    if (judges) rules = kind->rules(job_.spec);
    rules.needs_tests =
        rules.fail_on_tests && std::any_of(wanted.begin(), wanted.end(), [](const auto& report) {
            return !report.optional && is_test_format(report.format);
        });
    // A part of the tests covers a part of the code: the last shard to end is judged for all of
    // them, by the server, which has their reports (docs/decisions/0012).
    if (job_.spec.test.shards <= 1)
        rules.thresholds = job_.spec.thresholds;
    else if (!job_.spec.thresholds.empty())
        note("thresholds hold for all shards together: the server judges when the last has ended");
    if (reports.findings) {
        const bool truncated = reports.findings->truncated;
        reports.findings = reports::compare_findings(collected.findings, base, &collected.gone);
        reports.findings->truncated = truncated;
    }
    write_findings(collected, options);
    say_findings(collected.findings, reports, rules);
    model::Outcome& outcome = report_.outcome;
    const int counts = rules.fail_on ? reports::counted(collected.findings, *rules.fail_on) : 0;
    auto verdict = reports::judge(reports, rules, counts, base);
    for (const model::ThresholdResult& result : reports.thresholds)
        note(fmt::format("threshold {}: {}", to_text(result.verdict), result.text));
    if (outcome.result == model::AttemptResult::passed) {
        if (!collected.broken.empty())
            outcome = {model::AttemptResult::failed, std::nullopt, std::nullopt,
                       model::Cause::script, "no report: " + collected.broken};
        else if (verdict)
            outcome = std::move(*verdict);
        if (outcome.result != model::AttemptResult::passed) note(outcome.message);
    } else if (verdict && rules.fail_on_tests && outcome.cause == model::Cause::script &&
               verdict->cause == model::Cause::script && reports.tests) {
        outcome.message = verdict->message;  // "3 tests failed" tells more than an exit code
    }
    if (whole) upload(collected);
    report_.reports = std::move(reports);
}

void Attempt::say_findings(const std::vector<model::Finding>& findings,
                           const model::Reports& reports, const reports::Rules& rules) {
    if (!reports.findings) return;
    const model::FindingReport& summary = *reports.findings;
    const bool only_new = rules.fail_on && rules.fail_on->scope == reports::FindingScope::added;
    int shown = 0, left_out = 0;
    for (const model::Finding& finding : findings) {
        if (only_new && !finding.is_new.value_or(true)) continue;
        if (shown == k_findings_shown) {
            ++left_out;
            continue;
        }
        ++shown;
        take_output(finding_line(finding) + "\n");
    }
    if (left_out > 0) note(fmt::format("{} more findings are in the report", left_out));
    note(fmt::format("findings: {} ({} errors, {} warnings, {} notes), {} new; {}", summary.total,
                     summary.errors, summary.warnings, summary.notes, summary.added.value_or(0),
                     summary.compared));
}

void Attempt::upload(Collected& collected) {
    for (std::size_t i = 0; i < collected.files.size();) {
        const model::ReportFile file = collected.reports.files[i];
        Result<> sent = ports_.sink.upload_report(file, collected.files[i]);
        if (sent) {
            ++i;
            continue;
        }
        if (sent.error().code != Code::unsupported)
            collected.reports.problems.push_back(
                fmt::format("full report {}: {}", file.name, sent.error().message));
        collected.reports.files.erase(collected.reports.files.begin() + static_cast<long>(i));
        collected.files.erase(collected.files.begin() + static_cast<long>(i));
    }
}

}  // namespace sluice::agent
