#include "cli/local/run_view.hpp"

#include "cli/term/text.hpp"

#include <fmt/format.h>

#include <array>

namespace sluice::cli::local {

namespace {

using model::JobState;

constexpr std::array<std::string_view, 8> k_frames{"⠋", "⠙", "⠸", "⠴", "⠦", "⠇", "⠏", "⠹"};
constexpr std::size_t k_tail_lines = 20;
constexpr std::size_t k_tests_shown = 10;
constexpr std::size_t k_name_max = 40;
constexpr std::size_t k_state_width = 12;  // of `not_selected`

std::string padded(const std::string& text, std::size_t width) {
    const std::size_t used = display_width(text);
    return used < width ? text + std::string(width - used, ' ') : text;
}

bool has_run(const JobRun& job) {
    return job.attempt > 0;
}

/// The step that runs now, as far as it is known.
std::string running_step(const JobRun& job) {
    if (!job.runner) return {};
    for (const model::StepStatus& step : job.runner->steps())
        if (step.state == model::StepState::running) return step.name;
    return {};
}

/// `tests/test_a.py:12  tests.test_a test_add: assert 3 == 4`
std::string describe(const model::TestCase& test) {
    std::string place = test.file;
    if (!place.empty() && test.line > 0) place += fmt::format(":{}", test.line);
    std::string name = test.suite.empty() ? test.name : test.suite + " " + test.name;
    std::string text = place.empty() ? name : place + "  " + name;
    return printable(test.message.empty() ? text : text + ": " + test.message);
}

}  // namespace

RunView::RunView(const Terminal& out, bool verbose, const std::vector<plan::PlannedJob>& jobs)
    : out_(out), verbose_(verbose), moving_(out.is_terminal() && !verbose) {
    for (const plan::PlannedJob& job : jobs)
        name_width_ = std::max(name_width_, display_width(printable(job.spec.id)));
    name_width_ = std::min(name_width_, k_name_max);
}

RunView::~RunView() {
    erase();
}

void RunView::erase() {
    if (drawn_ == 0) return;
    out_.write(fmt::format("\r\x1b[{}A\x1b[J", drawn_));
    drawn_ = 0;
}

std::string RunView::headline(const JobRun& job) const {
    const std::string state(to_text(job.state));
    std::string line = out_.paint_state(padded(state, k_state_width)) + "  " +
                       padded(printable(job.planned.spec.id), name_width_);
    if (has_run(job)) line += "  " + human_duration(job.milliseconds());
    if (job.state != JobState::passed && !job.reason.empty()) line += "  " + printable(job.reason);
    return line;
}

void RunView::started(const JobRun& job) {
    if (verbose_) followers_.insert_or_assign(job.planned.spec.id, LogFollower(out_.has_colour()));
    if (moving_) return;
    out_.line(out_.paint_state(padded("running", k_state_width)) + "  " +
              printable(job.planned.spec.id));
    out_.flush();
}

void RunView::retried(const JobRun& job) {
    if (verbose_) stream(job, true);
    erase();
    out_.line(out_.paint(Colour::yellow, padded("retry", k_state_width)) + "  " +
              padded(printable(job.planned.spec.id), name_width_) + "  " + printable(job.reason));
    out_.flush();
}

void RunView::ended(const JobRun& job) {
    if (verbose_ && has_run(job)) stream(job, true);
    erase();
    out_.line(headline(job));
    const bool bad = job.state == JobState::failed || job.state == JobState::errored ||
                     job.state == JobState::warned;
    if (bad && has_run(job)) print_failure(job);
    out_.flush();
}

void RunView::print_failure(const JobRun& job) {
    const auto& tests = job.report->reports.tests;
    if (tests && !tests->failures.empty()) {
        const std::size_t shown = std::min(k_tests_shown, tests->failures.size());
        for (std::size_t i = 0; i < shown; ++i)
            out_.line("  " + out_.paint(Colour::red, "✗") + " " + describe(tests->failures[i]));
        if (shown < tests->failures.size())
            out_.line(fmt::format("  … and {} more", tests->failures.size() - shown));
    }
    for (const std::string& problem : job.report->reports.problems)
        out_.line("  " + printable(problem));
    const files::Path log = job.dir / protocol::local_file::k_log;
    if (!verbose_) {
        std::int64_t begin = 0, end = -1;
        if (auto step = job.telling_step()) {
            begin = job.report->steps[*step].log_begin;
            end = job.report->steps[*step].log_end;
        }
        Tail tail = last_lines(log, begin, end, k_tail_lines, out_.has_colour());
        const std::string bar = "  " + out_.paint(Colour::dim, "│") + " ";
        if (tail.cut) out_.line(bar + "…");
        while (!tail.lines.empty() && tail.lines.front().empty())
            tail.lines.erase(tail.lines.begin());
        for (const std::string& line : tail.lines) out_.line(bar + line);
    }
    out_.line("  log: " + printable(log.string()));
}

void RunView::stream(const JobRun& job, bool all) {
    auto follower = followers_.find(job.planned.spec.id);
    if (follower == followers_.end()) return;
    const std::string prefix =
        out_.paint(Colour::cyan, padded(printable(job.planned.spec.id), name_width_) + " │ ");
    for (const std::string& line :
         follower->second.next(job.dir / protocol::local_file::k_log, all))
        out_.line(prefix + line);
}

void RunView::tick(const std::vector<JobRun>& jobs) {
    if (verbose_)
        for (const JobRun& job : jobs)
            if (job.runner) stream(job, false);
    if (!moving_) return out_.flush();
    erase();
    ++frame_;
    const auto now = std::chrono::steady_clock::now();
    for (const JobRun& job : jobs) {
        if (!job.runner) continue;
        const auto elapsed =
            std::chrono::duration_cast<std::chrono::milliseconds>(now - job.begun).count();
        std::string line =
            fmt::format("{} {}  {:>6}  {}", k_frames[frame_ % k_frames.size()],
                        padded(printable(job.planned.spec.id), name_width_),
                        human_duration(elapsed / 100 * 100), printable(running_step(job)));
        out_.line(cut_to_width(line, static_cast<std::size_t>(out_.width()) - 1));
        ++drawn_;
    }
    out_.flush();
}

}  // namespace sluice::cli::local
