#pragma once
/// May this commit be merged? Gathers what the verdict rests on: the newest runs of that exact
/// commit, the rules at the tip of the target branch, and what the change does to the pipeline's
/// own files.

#include "pipelines/plan/config_edit.hpp"
#include "platform/clock.hpp"
#include "server/core/feed.hpp"
#include "server/core/projects.hpp"
#include "server/core/verdict.hpp"
#include "server/git/git_service.hpp"
#include "server/runtime/pool.hpp"
#include "server/store/jobs.hpp"
#include "server/store/readers.hpp"
#include "server/store/runs.hpp"
#include "server/store/writer.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace sluice::core {

/// Coroutines; they read on the db pool and ask git. Any number at once.
class Gate {
public:
    struct Parts {
        store::Writer& writer;
        store::Readers& readers;
        runtime::Pool& pool;
        git::GitService& git;
        EventFeed& feed;
        const Clock& clock;
    };
    /// Called in the transaction that lets an edit pass.
    using Reporter = std::function<void(store::Tx&, ProjectId, const std::string& sha,
                                        const std::string& branch)>;
    explicit Gate(Parts parts) : parts_(parts) {}
    void set_reporter(Reporter reporter) { reporter_ = std::move(reporter); }

    /// Either may be empty: without sha the branch's tip, without branch the branch of the commit's
    /// newest run (or its target, or the default branch). Errors: `ref_not_found`, `bad_sha`, and
    /// what git says when the rules or the change cannot be read: never a verdict on less.
    boost::asio::awaitable<Result<Verdict>> verdict(store::Project project, std::string sha,
                                                    std::string branch);

    struct Approval {
        std::string sha, branch;  ///< as for verdict()
        std::string digest;       ///< of the edit that the person saw
        std::string by, reason;
    };
    /// Lets the commit's edit of the configuration pass, and returns the verdict after it. Errors:
    /// `nothing_to_approve`, `config_changed` (the digest is another's).
    boost::asio::awaitable<Result<Verdict>> approve(store::Project project, Approval approval);

private:
    /// A run whose jobs count, with the event that it was planned for.
    struct CountedRun {
        store::Run run;
        std::vector<GateJob> jobs;
        bool deselects = false;  ///< the plan left a job out
    };
    /// The rules of the target branch.
    struct Rules {
        std::string tip;  ///< "" = there is no such branch
        std::vector<plan::SourceFile> files, fragments;
        std::vector<std::string> require;
        GateRules source = GateRules::absent;
    };
    /// What the change does to the configuration, and which jobs all of it asks for.
    struct Edit {
        std::vector<std::string> files;
        std::string digest;
        std::map<RunId, plan::ConfigEdit> by_run;
        std::map<RunId, std::set<std::string>> selected;  ///< of runs that saw less than the change
    };

    std::vector<CountedRun> read_runs(ProjectId project, const std::string& sha);
    boost::asio::awaitable<Result<Rules>> read_rules(git::Repo repo, std::string branch);
    boost::asio::awaitable<Result<std::shared_ptr<const Edit>>> find_edit(
        store::Project project, std::string sha, std::string branch, const Rules& rules,
        const std::vector<CountedRun>& runs);
    boost::asio::awaitable<Result<>> add_edit(store::Project project, const std::string& sha,
                                              const std::string& branch, const Rules& rules,
                                              std::vector<CountedRun>& runs, Question& question);

    Parts parts_;
    Reporter reporter_;
    std::mutex mutex_;
    /// By project, commit, tip and runs. All of them are in the key, so that nothing in it can
    /// become wrong.
    std::map<std::string, std::shared_ptr<const Edit>> edits_;
};

}  // namespace sluice::core
