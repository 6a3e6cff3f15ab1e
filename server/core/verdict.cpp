#include "server/core/verdict.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace sluice::core {

namespace {

using model::JobState;

/// Worst first, as a matrix job counts (reference A6 step 11); live states rank between bad and
/// good.
int badness(JobState state) {
    switch (state) {
        case JobState::errored: return 10;
        case JobState::failed: return 9;
        case JobState::cancelled: return 8;
        case JobState::blocked: return 7;
        case JobState::held: return 6;
        case JobState::running: return 5;
        case JobState::ready: return 4;
        case JobState::waiting: return 3;
        case JobState::warned: return 2;
        case JobState::passed: return 1;
        case JobState::not_selected: return 0;
    }
    return 10;
}

Color color_of(JobState state) {
    switch (state) {
        case JobState::passed:
        case JobState::warned:
        case JobState::not_selected: return Color::green;
        case JobState::waiting:
        case JobState::held:
        case JobState::ready:
        case JobState::running: return Color::pending;
        case JobState::failed:
        case JobState::errored:
        case JobState::cancelled:
        case JobState::blocked: return Color::red;
    }
    return Color::red;
}

bool is_glob(std::string_view pattern) {
    return pattern.find_first_of("*?[{\\") != std::string_view::npos;
}

bool names(std::string_view pattern, const std::string& base) {
    const auto all = names_of(base);
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& name) { return text::glob_match(pattern, name); });
}

bool is_required_by_name(const std::vector<std::string>& require, const std::string& base) {
    return std::any_of(require.begin(), require.end(), [&](const std::string& pattern) {
        return !pattern.starts_with('!') && !is_glob(pattern) && names(pattern, base);
    });
}

GateCheck check_of(const GateJob& job) {
    GateCheck check{job.base, color_of(job.state), std::string(to_text(job.state)), job.message,
                    job.id};
    if (job.state == JobState::not_selected && check.note.empty()) check.note = "not needed";
    if (job.state == JobState::warned)
        check.note = check.note.empty() ? "may fail" : "may fail: " + check.note;
    if (job.state == JobState::not_selected && job.overlooked) {
        check.color = Color::red;
        check.state = "missing";
        check.note =
            "its run looked at the last push alone, but the whole change needs it: open a pull "
            "request or start a run by hand";
    }
    const bool told = check.color == Color::red || job.state == JobState::warned;
    if (job.cell != job.base && told)
        check.note = job.cell + (check.note.empty() ? "" : ": " + check.note);
    return check;
}

Verdict without_checks(std::string name, std::string state, std::string note, std::string summary) {
    Verdict verdict;
    verdict.checks.push_back({std::move(name), Color::red, std::move(state), std::move(note), {}});
    verdict.summary = std::move(summary);
    return verdict;
}

class Judge {
public:
    explicit Judge(const Question& question) : question_(question) {
        verdict_.config = question.config;
    }

    /// Of a commit whose newest run could not be planned: what older runs say decides nothing.
    Verdict without_plan() {
        group();
        verdict_ =
            without_checks("config", "errored", question_.config_error, question_.config_error);
        for (const auto& base : order_) verdict_.others.push_back(check_of(worst_.at(base)));
        return std::move(verdict_);
    }

    Verdict run() {
        group();
        for (const auto& base : order_) {
            if (is_required(question_.require, base))
                take(worst_.at(base));
            else
                verdict_.others.push_back(check_of(worst_.at(base)));
        }
        for (const auto& wanted : question_.require) find_missing(wanted);
        for (const auto& base : question_.removed) take_removed(base);
        if (verdict_.checks.empty())
            verdict_.checks.push_back(
                {"jobs", Color::red, "missing", "no job of the run counts", {}});
        if (asks(store::ConfigChanges::approve)) {
            verdict_.checks.push_back({".ci",
                                       Color::pending,
                                       "held",
                                       "the project's policy asks for an approval of every edit",
                                       {}});
            verdict_.config->needed = true;
        }
        conclude();
        return std::move(verdict_);
    }

private:
    void group() {
        for (const auto& job : question_.jobs) {
            auto [at, fresh] = worst_.emplace(job.base, job);
            if (fresh) order_.push_back(job.base);
            const bool changed = at->second.changed || job.changed;
            if (!fresh && badness(job.state) > badness(at->second.state)) at->second = job;
            at->second.changed = changed;
        }
    }

    /// An edit that nobody approved, under that policy.
    bool asks(store::ConfigChanges policy) const {
        return verdict_.config && !verdict_.config->approved && verdict_.config->policy == policy;
    }

    void take(const GateJob& job) {
        GateCheck check = check_of(job);
        // A new job weakens nothing, unless the gate asks for it by its name.
        const bool redefined =
            job.changed || (job.added && is_required_by_name(question_.require, job.base));
        if (verdict_.config && redefined) {
            verdict_.config->jobs.push_back(job.base);
            const bool open = asks(store::ConfigChanges::required) ||
                              (!verdict_.config->approved && job.state == JobState::not_selected);
            if (open && check.color == Color::green) {
                check.color = Color::pending;
                check.note = fmt::format(
                    "{}, but the change defines this job otherwise than the "
                    "target branch: waits for an approval",
                    check.state == "not_selected" ? "not needed" : check.state);
                check.state = "held";
                waiting_.push_back(job.base);
                verdict_.config->needed = true;
            }
        }
        verdict_.checks.push_back(std::move(check));
    }

    void find_missing(const std::string& wanted) {
        if (wanted.starts_with('!')) return;
        if (std::any_of(order_.begin(), order_.end(),
                        [&](const std::string& base) { return names(wanted, base); }))
            return;
        verdict_.checks.push_back(
            {wanted, Color::red, "missing", "required, but no job of the run matches", {}});
    }

    /// What a glob, or a gate without `require`, would have asked for had the change left it there.
    void take_removed(const std::string& base) {
        if (!verdict_.config || worst_.contains(base) || !is_required(question_.require, base) ||
            is_required_by_name(question_.require, base))
            return;
        verdict_.config->jobs.push_back(base);
        if (verdict_.config->approved) return;
        verdict_.checks.push_back({base,
                                   Color::pending,
                                   "removed",
                                   "the target branch has this job, the change does not: waits for "
                                   "an approval",
                                   {}});
        waiting_.push_back(base);
        verdict_.config->needed = true;
    }

    void conclude() {
        std::vector<std::string> red, pending;
        std::size_t warned = 0;
        for (const auto& check : verdict_.checks) {
            if (check.color == Color::red) red.push_back(check.name + " " + check.state);
            const bool waits =
                check.name == ".ci" || std::count(waiting_.begin(), waiting_.end(), check.name) > 0;
            if (check.color == Color::pending && !waits)
                pending.push_back(check.name + " " + check.state);
            if (check.state == "warned") ++warned;
        }
        if (verdict_.config && verdict_.config->needed)
            pending.push_back(fmt::format(
                "the edit of {} waits for an approval{}", fmt::join(verdict_.config->files, ", "),
                waiting_.empty() ? "" : fmt::format(" ({})", fmt::join(waiting_, ", "))));
        if (!red.empty()) {
            verdict_.color = Color::red;
            verdict_.summary = fmt::format("{}", fmt::join(red, ", "));
            return;
        }
        if (!pending.empty()) {
            verdict_.color = Color::pending;
            verdict_.summary = fmt::format("{}", fmt::join(pending, ", "));
            return;
        }
        verdict_.color = Color::green;
        verdict_.summary = fmt::format("{0} of {0} checks green", verdict_.checks.size());
        if (warned > 0) verdict_.summary += fmt::format(", {} warned", warned);
        if (!verdict_.config) return;
        verdict_.summary += fmt::format("; edits {}", fmt::join(verdict_.config->files, ", "));
        if (verdict_.config->approved)
            verdict_.summary += fmt::format(", approved by {}", verdict_.config->by);
    }

    const Question& question_;
    Verdict verdict_;
    std::vector<std::string> order_;  ///< of job ids in the run
    std::map<std::string, GateJob> worst_;
    std::vector<std::string> waiting_;  ///< for an approval
};

}  // namespace

std::vector<std::string> names_of(const std::string& base) {
    std::vector<std::string> out{base};
    for (auto at = base.find('/'); at != std::string::npos; at = base.find('/', at + 1))
        out.push_back(base.substr(0, at));
    return out;
}

bool is_required(const std::vector<std::string>& require, const std::string& base) {
    if (require.empty()) return true;
    bool wanted = false;
    for (const auto& pattern : require) {
        const bool removes = pattern.starts_with('!');
        if (names(removes ? std::string_view(pattern).substr(1) : pattern, base)) wanted = !removes;
    }
    return wanted;
}

Verdict judge(const Question& question) {
    if (!question.has_run)
        return without_checks("run", "missing", "no run of this commit",
                              "missing: no run of this commit");
    if (!question.config_error.empty()) return Judge(question).without_plan();
    return Judge(question).run();
}

}  // namespace sluice::core
