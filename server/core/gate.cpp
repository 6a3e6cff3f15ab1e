#include "server/core/gate.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

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

/// The id and those it is part of: `gen/x` is asked for by `gen/x` and by `gen`.
std::vector<std::string> names_of(const std::string& base) {
    std::vector<std::string> out{base};
    for (std::size_t at = base.find('/'); at != std::string::npos; at = base.find('/', at + 1))
        out.push_back(base.substr(0, at));
    return out;
}

bool asks_for(const std::string& wanted, const std::string& base) {
    const auto names = names_of(base);
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return name == wanted || text::glob_match(wanted, name);
    });
}

GateCheck check_of(const GateJob& job) {
    GateCheck check{job.base, color_of(job.state), std::string(to_text(job.state)), job.message,
                    job.id};
    if (job.state == JobState::not_selected && check.note.empty()) check.note = "not needed";
    if (job.cell != job.base && check.color == Color::red)
        check.note = job.cell + (check.note.empty() ? "" : ": " + check.note);
    return check;
}

}  // namespace

Verdict judge(const std::vector<std::string>& require, const std::vector<GateJob>& jobs,
              bool has_run, const std::string& config_error) {
    Verdict verdict;
    if (!has_run) {
        verdict.color = Color::red;
        verdict.checks.push_back({"run", Color::red, "missing", "no run of this commit", {}});
        verdict.summary = "missing: no run of this commit";
        return verdict;
    }
    if (!config_error.empty()) {
        verdict.color = Color::red;
        verdict.checks.push_back({"config", Color::red, "errored", config_error, {}});
        verdict.summary = config_error;
        return verdict;
    }
    std::vector<std::string> order;
    std::map<std::string, GateJob> worst;
    for (const auto& job : jobs) {
        auto [at, fresh] = worst.emplace(job.base, job);
        if (fresh) order.push_back(job.base);
        if (!fresh && badness(job.state) > badness(at->second.state)) at->second = job;
    }
    std::set<std::string> taken;
    auto take = [&](const std::string& base) {
        if (taken.insert(base).second) verdict.checks.push_back(check_of(worst.at(base)));
    };
    if (require.empty())
        for (const auto& base : order) take(base);
    for (const auto& wanted : require) {
        bool any = false;
        for (const auto& base : order) {
            if (!asks_for(wanted, base)) continue;
            any = true;
            take(base);
        }
        if (!any)
            verdict.checks.push_back(
                {wanted, Color::red, "missing", "required, but no job of the run matches", {}});
    }
    if (verdict.checks.empty())
        verdict.checks.push_back({"jobs", Color::red, "missing", "the run has no jobs", {}});
    std::vector<std::string> red, pending;
    for (const auto& check : verdict.checks) {
        if (check.color == Color::red) red.push_back(check.name + " " + check.state);
        if (check.color == Color::pending) pending.push_back(check.name + " " + check.state);
    }
    auto join = [](const std::vector<std::string>& parts) {
        std::string out;
        for (const auto& part : parts) out += (out.empty() ? "" : ", ") + part;
        return out;
    };
    verdict.color = !red.empty() ? Color::red : !pending.empty() ? Color::pending : Color::green;
    verdict.summary =
        !red.empty() ? join(red)
        : !pending.empty()
            ? join(pending)
            : fmt::format("{} of {} checks green", verdict.checks.size(), verdict.checks.size());
    return verdict;
}

boost::asio::awaitable<Result<Verdict>> Gate::verdict(store::Project project, std::string sha,
                                                      std::string branch) {
    const git::Repo repo{project.id, project.url};
    if (!sha.empty() && !text::is_commit_id(sha))
        co_return error(Code::invalid, "bad_sha", "a commit is 40 or 64 hex digits", "sha");
    std::string tip;
    std::optional<git::Snapshot> rules;
    if (sha.empty()) {
        if (branch.empty()) branch = project.default_branch;
        SLUICE_CO_TRY(auto snapshot, co_await git_.branch_tip(repo, branch, &tip));
        rules = std::move(snapshot);
        sha = tip;
    }
    struct Facts {
        std::vector<store::Run> runs;
        std::vector<GateJob> jobs;
    };
    auto read = [this, id = project.id, sha] {
        return readers_.read([&](store::Tx& tx) {
            Facts facts;
            facts.runs = store::list_runs(
                tx, {.project = id, .branch = {}, .sha = sha, .before = 0, .limit = 20});
            std::set<std::string> seen;
            for (const auto& run : facts.runs) {
                // The newest run decides each job it has; older ones only add jobs it doesn't know
                // (tag and push runs of a commit).
                std::set<std::string> here;
                for (const auto& job : store::jobs_of(tx, run.id)) {
                    here.insert(job.base);
                    // What a job of a newer run has called or generated stands for all of it.
                    const auto names = names_of(job.base);
                    if (std::none_of(names.begin(), names.end(),
                                     [&](const auto& name) { return seen.contains(name); }))
                        facts.jobs.push_back({job.base, job.state, job.id, job.message, job.key});
                }
                seen.insert(here.begin(), here.end());
            }
            return facts;
        });
    };
    auto facts = co_await runtime::run_on(pool_, std::move(read));
    if (branch.empty()) {
        branch = project.default_branch;
        if (!facts.runs.empty()) {
            const auto& run = facts.runs.front();
            branch = !run.target_branch.empty() ? run.target_branch
                     : !run.branch.empty()      ? run.branch
                                                : branch;
        }
    }
    if (!rules) {
        auto snapshot = co_await git_.branch_tip(repo, branch, &tip);
        if (snapshot) rules = std::move(*snapshot);
    }
    std::vector<std::string> require;
    bool guarded = false;
    if (rules) {
        const auto gates = plan::read_gates(rules->files).value_or(std::vector<plan::GateSpec>{});
        for (const auto& gate : gates) {
            if (!gate.branches.empty() && !text::globs_match(gate.branches, branch)) continue;
            require = gate.require;
            guarded = true;
            break;
        }
    }
    const std::string config_error = !facts.runs.empty() &&
                                             facts.runs.front().state == model::RunState::errored &&
                                             facts.runs.front().jobs_total == 0
                                         ? facts.runs.front().reason
                                         : "";
    auto verdict = judge(require, facts.jobs, !facts.runs.empty(), config_error);
    verdict.guarded = guarded;
    verdict.sha = sha;
    verdict.branch = branch;
    verdict.config_sha = rules ? tip : "";
    if (!facts.runs.empty()) verdict.run = facts.runs.front().id;
    co_return verdict;
}

}  // namespace sluice::core
