#include "server/core/gate.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"
#include "server/core/fragments.hpp"
#include "server/core/trust.hpp"
#include "server/store/config_approvals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::core {

namespace {

constexpr std::int64_t k_runs_looked_at = 20;
constexpr std::size_t k_edits_kept = 256;

/// Of the files on both sides: an approval is of what a person could compare.
std::string digest_of(const plan::Input& change, const plan::Input& target) {
    json::Array sides;
    for (const auto* side : {&change, &target}) {
        json::Object files;
        for (const auto& file : side->files) files[file.path] = file.text;
        for (const auto& file : side->fragments) files[file.path] = file.text;
        sides.push_back(std::move(files));
    }
    return crypto::sha256_hex(json::serialize(sides));
}

/// `.ci*` files that differ, told without the history that they share.
std::vector<std::string> differing(const std::vector<plan::SourceFile>& a,
                                   const std::vector<plan::SourceFile>& b) {
    std::map<std::string, std::string> left, right;
    for (const auto& file : a) left[file.path] = file.text;
    for (const auto& file : b) right[file.path] = file.text;
    std::vector<std::string> out;
    for (const auto& [path, text] : left)
        if (auto at = right.find(path); at == right.end() || at->second != text)
            out.push_back(path);
    for (const auto& [path, text] : right)
        if (!left.contains(path)) out.push_back(path);
    std::sort(out.begin(), out.end());
    return out;
}

/// The event of the run, for the planner.
void set_event(plan::Input& input, const store::Run& run) {
    const auto event = json::parse(run.event, {.bytes = 4 << 20, .depth = 64});
    input.event = model::event_from_json(event.value(), "").value();
    input.trusted = is_trusted(run.tier, input.event);
}

/// Which run speaks for which job, asked from the newest run to the oldest: the newest that has it
/// (older ones add what it doesn't know: tag and push runs of a commit). Only that it was not
/// selected for a newer event washes away nothing that an older run found out.
class Decided {
public:
    /// Those of a run's jobs that count.
    std::vector<store::Job> add(std::vector<store::Job> jobs) {
        std::map<std::string, bool> tell;  // by id: some cell has something to say
        for (const auto& job : jobs)
            tell[job.base] =
                tell[job.base] ||
                (job.state != model::JobState::not_selected &&
                 !(unneeded_.contains(job.base) && job.state == model::JobState::cancelled));
        std::erase_if(jobs, [&](const store::Job& job) {
            // What a job of a newer run has called or generated stands for all of it.
            const auto names = names_of(job.base);
            return std::any_of(names.begin(), names.end(),
                               [&](const auto& name) { return decided_.contains(name); }) ||
                   (unneeded_.contains(job.base) && !tell[job.base]);
        });
        for (const auto& job : jobs) {
            if (!tell[job.base]) continue;
            decided_.insert(job.base);
            if (unneeded_.contains(job.base)) by_older_.insert(job.base);
        }
        for (const auto& job : jobs)
            if (!tell[job.base]) unneeded_.insert(job.base);
        return jobs;
    }
    bool by_older(const std::string& base) const { return by_older_.contains(base); }

private:
    std::set<std::string> decided_, unneeded_, by_older_;
};

std::string config_error_of(const store::Run& run) {
    return run.state == model::RunState::errored && run.jobs_total == 0 ? run.reason : "";
}

/// Whether the plan selected the job.
bool selected_by(const store::Job& job) {
    const auto planned = json::parse(job.planned, {.bytes = 16 << 20, .depth = 64});
    return plan::planned_job_from_json(planned.value()).value().selected;
}

/// A pull request's own run compares with the branch that it wants into; others with less.
bool saw_all(const store::Run& run, const std::string& branch) {
    return run.event_kind == "pull_request" && run.target_branch == branch;
}

std::string branch_of(const store::Run& run, const std::string& fallback) {
    if (!run.target_branch.empty()) return run.target_branch;
    return run.branch.empty() ? fallback : run.branch;
}

}  // namespace

std::vector<Gate::CountedRun> Gate::read_runs(ProjectId project, const std::string& sha) {
    return parts_.readers.read([&](store::Tx& tx) {
        std::vector<CountedRun> out;
        Decided decided;
        for (const auto& listed : store::list_runs(tx, {.project = project,
                                                       .branch = {},
                                                       .sha = sha,
                                                       .before = 0,
                                                       .limit = k_runs_looked_at})) {
            CountedRun counted;
            for (const auto& job : decided.add(store::jobs_of(tx, listed.id))) {
                counted.jobs.push_back({job.base, job.state, job.id, job.message, job.key});
                // By the plan, not by a late `if`, which knew more than a plan can say.
                auto& one = counted.jobs.back();
                one.overlooked = job.state == model::JobState::not_selected && !selected_by(job);
                counted.deselects = counted.deselects || one.overlooked;
            }
            if (!out.empty() && counted.jobs.empty()) continue;
            counted.run = store::find_run(tx, listed.id).value();  // with its event
            out.push_back(std::move(counted));
        }
        for (auto& counted : out)
            std::erase_if(counted.jobs, [&](const GateJob& job) {
                return job.state == model::JobState::not_selected && decided.by_older(job.base);
            });
        return out;
    });
}

boost::asio::awaitable<Result<Gate::Rules>> Gate::read_rules(git::Repo repo, std::string branch) {
    Rules rules;
    auto snapshot = co_await parts_.git.branch_tip(repo, branch, &rules.tip);
    if (!snapshot) {
        const auto& refused = snapshot.error();
        if (refused.id == "ref_not_found") co_return Rules{};
        // The branch's own files are at fault: whoever mends them needs a verdict.
        if (!refused.id.starts_with("config_")) co_return refused;
        rules.source = GateRules::unreadable;
        SLUICE_CO_TRY(rules.tip, co_await parts_.git.resolve(repo, "refs/heads/" + branch));
        co_return rules;
    }
    rules.files = std::move(snapshot->files);
    rules.fragments = std::move(snapshot->fragments);
    const auto gates = plan::read_gates(rules.files);
    if (!gates) {
        rules.source = GateRules::unreadable;
        co_return rules;
    }
    for (const auto& gate : *gates) {
        if (!gate.branches.empty() && !text::globs_match(gate.branches, branch)) continue;
        rules.require = gate.require;
        rules.source = GateRules::file;
        break;
    }
    co_return rules;
}

boost::asio::awaitable<Result<std::shared_ptr<const Gate::Edit>>> Gate::find_edit(
    store::Project project, std::string sha, std::string branch, const Rules& rules,
    const std::vector<CountedRun>& runs) {
    static const auto none = std::make_shared<const Edit>();
    // The branch's own tip, and a branch to be, have nothing to be compared with.
    if (rules.tip.empty() || rules.tip == sha) co_return none;
    std::string key = fmt::format("{}:{}:{}:{}", project.id.value, sha, branch, rules.tip);
    for (const auto& counted : runs)
        key += fmt::format(":{}{}", counted.run.id.value, counted.deselects ? "d" : "");
    {
        std::lock_guard lock(mutex_);
        if (auto known = edits_.find(key); known != edits_.end()) co_return known->second;
    }
    git::SnapshotRequest request;
    request.repo = {project.id, project.url};
    request.sha = sha;
    request.base = rules.tip;
    request.use_merge_base = true;
    // The target's files are planned on the change's tree.
    request.tree = plan::reads_tree(rules.files) || plan::reads_tree(rules.fragments);
    SLUICE_CO_TRY(git::Snapshot snapshot, co_await parts_.git.snapshot(std::move(request)));

    plan::Input change;
    change.files = std::move(snapshot.files);
    change.fragments = std::move(snapshot.fragments);
    change.changed_paths = std::move(snapshot.changed_paths);
    change.tree = std::move(snapshot.tree);
    change.default_branch = project.default_branch;
    change.project_name = project.name;
    change.project_url = project.url;
    change.trusted = std::all_of(runs.begin(), runs.end(), [](const CountedRun& counted) {
        plan::Input as_planned;
        set_event(as_planned, counted.run);
        return as_planned.trusted;
    });
    auto target = change;
    target.files = rules.files;
    target.fragments = rules.fragments;
    co_await fetch_fragments(parts_.git, change);
    target.trusted = true;  // its fragments were named by nobody but the branch
    co_await fetch_fragments(parts_.git, target);

    auto compare = [branch, runs, change = std::move(change),
                    target = std::move(target)]() mutable {
        auto edit = std::make_shared<Edit>();
        if (change.changed_paths) {
            for (const auto& path : *change.changed_paths)
                if (plan::is_config_path(path)) edit->files.push_back(path);
        } else {
            // No common history, or too much of it.
            edit->files = differing(change.files, target.files);
            const auto more = differing(change.fragments, target.fragments);
            edit->files.insert(edit->files.end(), more.begin(), more.end());
        }
        if (!edit->files.empty()) edit->digest = digest_of(change, target);
        for (const auto& counted : runs) {
            set_event(change, counted.run);
            set_event(target, counted.run);
            if (!edit->files.empty())
                edit->by_run.emplace(counted.run.id, plan::compare_config(change, target));
            if (counted.deselects && !saw_all(counted.run, branch))
                edit->selected.emplace(counted.run.id, plan::selected_jobs(change));
        }
        return std::shared_ptr<const Edit>(std::move(edit));
    };
    auto edit = co_await runtime::run_on(parts_.pool, std::move(compare));
    std::lock_guard lock(mutex_);
    if (edits_.size() >= k_edits_kept) edits_.clear();
    edits_[key] = edit;
    co_return edit;
}

boost::asio::awaitable<Result<>> Gate::add_edit(store::Project project, const std::string& sha,
                                                const std::string& branch, const Rules& rules,
                                                std::vector<CountedRun>& runs, Question& question) {
    SLUICE_CO_TRY(auto edit, co_await find_edit(project, sha, branch, rules, runs));
    for (auto& counted : runs) {
        const auto selected = edit->selected.find(counted.run.id);
        const auto one = edit->by_run.find(counted.run.id);
        for (auto& job : counted.jobs) {
            job.overlooked = job.overlooked && selected != edit->selected.end() &&
                             selected->second.contains(job.base);
            if (one == edit->by_run.end()) continue;
            job.changed = one->second.changed.contains(job.base);
            job.added = one->second.added.contains(job.base);
        }
    }
    if (edit->files.empty()) co_return Result<>{};
    ConfigReview review;
    review.files = edit->files;
    review.digest = edit->digest;
    review.policy = project.policy.config_changes;
    for (const auto& [run, one] : edit->by_run) {
        review.gate = review.gate || one.gate;
        question.removed.insert(one.removed.begin(), one.removed.end());
    }
    auto find = [this, id = project.id, sha, branch, digest = edit->digest] {
        return parts_.readers.read([&](store::Tx& tx) {
            return store::find_config_approval(tx, {id, sha, branch, digest});
        });
    };
    if (auto row = co_await runtime::run_on(parts_.pool, std::move(find))) {
        review.approved = true;
        review.by = row->decided_by;
        review.reason = row->reason;
    }
    question.config = std::move(review);
    co_return Result<>{};
}

boost::asio::awaitable<Result<Verdict>> Gate::verdict(store::Project project, std::string sha,
                                                      std::string branch) {
    const git::Repo repo{project.id, project.url};
    if (!sha.empty() && !text::is_commit_id(sha))
        co_return error(Code::invalid, "bad_sha", "a commit is 40 or 64 hex digits", "sha");
    Rules rules;
    if (sha.empty()) {
        if (branch.empty()) branch = project.default_branch;
        SLUICE_CO_TRY(rules, co_await read_rules(repo, branch));
        if (rules.tip.empty()) {
            SLUICE_CO_TRY(rules.tip, co_await parts_.git.resolve(repo, "refs/heads/" + branch));
        }
        sha = rules.tip;
    }
    auto read = [this, id = project.id, sha] { return read_runs(id, sha); };
    auto runs = co_await runtime::run_on(parts_.pool, std::move(read));
    if (branch.empty())
        branch = runs.empty() ? project.default_branch
                              : branch_of(runs.front().run, project.default_branch);
    if (rules.tip.empty()) {
        SLUICE_CO_TRY(rules, co_await read_rules(repo, branch));
    }
    Question question;
    question.require = rules.require;
    question.has_run = !runs.empty();
    if (!runs.empty()) question.config_error = config_error_of(runs.front().run);
    if (question.has_run && question.config_error.empty()) {
        auto added = co_await add_edit(project, sha, branch, rules, runs, question);
        if (!added) co_return added.error();
    }
    for (auto& counted : runs)
        question.jobs.insert(question.jobs.end(), counted.jobs.begin(), counted.jobs.end());
    auto verdict = judge(question);
    verdict.sha = sha;
    verdict.branch = branch;
    verdict.config_sha = rules.tip;
    verdict.rules = rules.source;
    if (!runs.empty()) verdict.run = runs.front().run.id;
    if (rules.source == GateRules::unreadable)
        verdict.summary +=
            fmt::format("; the gate of {} can't be read, so every job counts", branch);
    co_return verdict;
}

boost::asio::awaitable<Result<Verdict>> Gate::approve(store::Project project, Approval approval) {
    SLUICE_CO_TRY(auto before, co_await verdict(project, approval.sha, approval.branch));
    if (!before.config)
        co_return error(
            Code::conflict, "nothing_to_approve",
            fmt::format("the commit does not edit the configuration of {}", before.branch));
    if (before.config->digest != approval.digest)
        co_return error(Code::conflict, "config_changed",
                        "the configuration is not the one you looked at: look again", "/digest");
    auto record = [this, project, approval, sha = before.sha, branch = before.branch,
                   files = before.config->files](store::Tx& tx) -> Result<> {
        const auto now = parts_.clock.now();
        store::put_config_approval(
            tx, {{project.id, sha, branch, approval.digest}, approval.by, approval.reason, now});
        std::string detail = fmt::format("{} into {}:", sha, branch);
        for (const auto& file : files) detail += " " + file;
        if (!approval.reason.empty()) detail += "; " + approval.reason;
        store::insert_audit(tx, now, approval.by, "gate.approve", project.name, detail);
        parts_.feed.publish(tx, {{}, "gate.approved", project.id, {}, {}, "", now});
        if (reporter_) reporter_(tx, project.id, sha, branch);
        return {};
    };
    if (!before.config->approved) {
        auto recorded = co_await parts_.writer.write(std::move(record));
        if (!recorded) co_return recorded.error();
    }
    co_return co_await verdict(std::move(project), before.sha, before.branch);
}

}  // namespace sluice::core
