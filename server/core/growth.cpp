#include "server/core/growth.hpp"

#include "pipelines/plan/grow.hpp"
#include "server/store/attempts.hpp"
#include "server/store/jobs.hpp"
#include "server/store/run_inputs.hpp"
#include "server/store/runs.hpp"

#include <set>

namespace sluice::core {

namespace {

constexpr std::size_t k_max_fragments = 100;

/// The run as the planner wants to see it.
struct Facts {
    ProjectId project;
    plan::Input input;
    std::vector<plan::PlannedJob> run;
    std::string generator;  ///< id; "" = nothing is to be generated
    std::string path;
};

Facts read_facts(store::Tx& tx, AttemptId id) {
    Facts facts;
    const auto attempt = store::find_attempt(tx, id);
    if (!attempt || attempt->state == model::AttemptState::finished) return facts;
    const auto job = store::find_job(tx, attempt->job);
    if (!job || job->attempt != id) return facts;
    const auto planned = [](const store::Job& row) {
        constexpr json::Limits k_limits{.bytes = 16 << 20, .depth = 64};
        auto out = plan::planned_job_from_json(json::parse(row.planned, k_limits).value()).value();
        if (!row.spec.empty())
            out.spec = model::job_spec_from_json(json::parse(row.spec, k_limits).value()).value();
        return out;
    };
    const auto own = planned(*job);
    if (own.spec.generate.empty()) return facts;
    const auto run = store::find_run(tx, job->run).value();
    facts.project = run.project;
    facts.generator = job->key;
    facts.path = own.spec.generate;
    const auto stored =
        json::parse(store::run_input(tx, run.id).value_or("{}"), {.bytes = 64 << 20, .depth = 16})
            .value();
    facts.input = plan::input_from_json(stored).value();
    facts.input.event =
        model::event_from_json(json::parse(run.event, {.bytes = 4 << 20, .depth = 64}).value(), "")
            .value();
    for (const auto& row : store::jobs_of(tx, run.id)) facts.run.push_back(planned(row));
    return facts;
}

std::string diagnostics_of(const plan::Growth& growth) {
    json::Array out;
    for (const auto& diagnostic : growth.diagnostics) out.push_back(config::to_json(diagnostic));
    return json::serialize(out);
}

}  // namespace

boost::asio::awaitable<Result<>> Growth::read_fragments(const git::Repo& repo, plan::Input& input,
                                                        const plan::SourceFile& generated) {
    std::set<std::string> seen;
    std::vector<plan::SourceFile> fresh{generated};
    for (std::size_t depth = 0; depth < plan::k_max_call_depth && !fresh.empty(); ++depth) {
        std::vector<plan::SourceFile> next;
        for (const std::string& name : plan::named_fragments(fresh)) {
            // Remote ones are refused by the planner.
            if (name.starts_with("git+") || seen.size() >= k_max_fragments ||
                !seen.insert(name).second)
                continue;
            SLUICE_CO_TRY(auto file, co_await parts_.git.file(repo, input.event.sha, name));
            if (file) next.push_back(std::move(*file));
        }
        input.fragments.insert(input.fragments.end(), next.begin(), next.end());
        fresh = std::move(next);
    }
    if (plan::reads_tree({generated}) || plan::reads_tree(input.fragments)) {
        git::SnapshotRequest request;
        request.repo = repo;
        request.sha = input.event.sha;
        request.tree = true;
        SLUICE_CO_TRY(git::Snapshot snapshot, co_await parts_.git.snapshot(std::move(request)));
        input.tree = std::move(snapshot.tree);
    }
    co_return Result<>{};
}

boost::asio::awaitable<Result<Grown>> Growth::plan(AttemptId attempt,
                                                   const protocol::FinishRequest& request) {
    Grown grown;
    if (!request.generated || request.outcome.result != model::AttemptResult::passed)
        co_return grown;
    auto read = [this, attempt] {
        return parts_.readers.read([attempt](store::Tx& tx) { return read_facts(tx, attempt); });
    };
    Facts facts = co_await runtime::run_on(parts_.pool, std::move(read));
    if (facts.generator.empty()) co_return grown;
    const auto project = parts_.projects.find(facts.project).value();
    const plan::SourceFile generated{facts.path, *request.generated};
    // Named: a braced temporary in a co_await expression is destroyed twice (GCC 12).
    const git::Repo repo{project.id, project.url};
    auto fragments = co_await read_fragments(repo, facts.input, generated);
    if (!fragments) co_return fragments.error();
    auto work = [&facts, &request] {
        const plan::Growth growth =
            plan::grow({facts.input, facts.run, facts.generator, *request.generated});
        Grown out;
        out.is_planned = true;
        out.diagnostics = diagnostics_of(growth);
        out.jobs = growth.jobs;
        if (!config::has_errors(growth.diagnostics)) return out;
        for (const auto& job : facts.run)
            if (job.spec.id == facts.generator)
                out.failure = plan::describe_failure(job, growth.diagnostics);
        return out;
    };
    co_return co_await runtime::run_on(parts_.pool, std::move(work));
}

}  // namespace sluice::core
