#include "server/core/growth.hpp"

#include "pipelines/plan/advance.hpp"
#include "pipelines/plan/ending.hpp"
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
    std::vector<plan::DueMatrix> due;  ///< indices into `run`
};

constexpr json::Limits k_limits{.bytes = 64 << 20, .depth = 64};

plan::PlannedJob planned(const store::Job& row) {
    auto out = plan::planned_job_from_json(json::parse(row.planned, k_limits).value()).value();
    if (!row.spec.empty())
        out.spec = model::job_spec_from_json(json::parse(row.spec, k_limits).value()).value();
    return out;
}

/// Matrices whose last list is among the outputs of this end.
std::vector<plan::DueMatrix> due_after(const std::vector<store::Job>& rows,
                                       const std::vector<plan::PlannedJob>& run, JobId ending,
                                       const protocol::FinishRequest& request) {
    std::vector<plan::JobNow> now;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto state = rows[i].state;
        if (rows[i].id == ending)
            state = model::next_state(model::JobState::running,
                                      plan::end_event(run[i].spec, request.outcome))
                        .value();
        now.push_back({&run[i], state});
    }
    return plan::due_matrices(now, [&](std::size_t job) {
        if (rows[job].id == ending) return known_outputs(run[job].spec, request);
        plan::Outputs out;
        const auto stored = json::parse(rows[job].outputs).value();
        for (const auto& [name, text] : stored.as_object())
            out.emplace(name, std::string(text.as_string()));
        return out;
    });
}

Facts read_facts(store::Tx& tx, AttemptId id, const protocol::FinishRequest& request) {
    Facts facts;
    const auto attempt = store::find_attempt(tx, id);
    if (!attempt || attempt->state == model::AttemptState::finished) return facts;
    const auto job = store::find_job(tx, attempt->job);
    if (!job || job->attempt != id) return facts;
    const auto own = planned(*job);
    const bool generates = request.generated && !own.spec.generate.empty() &&
                           request.outcome.result == model::AttemptResult::passed;
    const bool may_be_due = !request.outputs.empty() && store::has_expanding_jobs(tx, job->run);
    if (!generates && !may_be_due) return facts;
    const auto run = store::find_run(tx, job->run).value();
    facts.project = run.project;
    if (generates) facts.generator = job->key;
    if (generates) facts.path = own.spec.generate;
    const auto stored = json::parse(store::run_input(tx, run.id).value_or("{}"), k_limits).value();
    facts.input = plan::input_from_json(stored).value();
    facts.input.event =
        model::event_from_json(json::parse(run.event, {.bytes = 4 << 20, .depth = 64}).value(), "")
            .value();
    const auto rows = store::jobs_of(tx, run.id);
    for (const auto& row : rows) facts.run.push_back(planned(row));
    if (may_be_due) facts.due = due_after(rows, facts.run, job->id, request);
    return facts;
}

std::string diagnostics_of(const plan::Growth& growth) {
    json::Array out;
    for (const auto& diagnostic : growth.diagnostics) out.push_back(config::to_json(diagnostic));
    return json::serialize(out);
}

void generate(const Facts& facts, const plan::Input& input, const std::string& text, Grown& out) {
    const plan::Growth growth = plan::grow({input, facts.run, facts.generator, text});
    out.is_planned = true;
    out.diagnostics = diagnostics_of(growth);
    out.jobs = growth.jobs;
    if (!config::has_errors(growth.diagnostics)) return;
    for (const auto& job : facts.run)
        if (job.spec.id == facts.generator)
            out.failure = plan::describe_failure(job, growth.diagnostics);
}

MadeCells make_cells(const Facts& facts, const plan::DueMatrix& due) {
    const plan::PlannedJob& job = facts.run[due.job];
    MadeCells out{job.spec.base, {}, due.failure};
    if (!out.failure.empty()) return out;
    plan::Growth growth = plan::expand({facts.input, facts.run, job.spec.base, due.values});
    out.cells = std::move(growth.jobs);
    if (config::has_errors(growth.diagnostics))
        out.failure = plan::describe_failure(job, growth.diagnostics);
    return out;
}

}  // namespace

plan::Outputs known_outputs(const model::JobSpec& spec, const protocol::FinishRequest& request) {
    plan::Outputs out;
    std::size_t bytes = 0;
    for (const auto& [name, value] : request.outputs) {
        const auto declared = spec.outputs.find(name);
        if (declared == spec.outputs.end()) continue;
        if (!model::is_value(declared->second.type)) {
            // Of files, the digest of what was sent.
            for (const protocol::PackRef& pack : request.packs)
                if (pack.kind == protocol::PackKind::output && pack.name == name &&
                    value == "sha256:" + pack.manifest.sha256)
                    out[name] = value;
            continue;
        }
        auto known = plan::canonical_output(declared->second.type, value);
        if (!known) continue;
        bytes += known->size();
        if (bytes <= plan::k_max_outputs_bytes) out[name] = std::move(*known);
    }
    return out;
}

boost::asio::awaitable<Result<>> Growth::read_tree(const git::Repo& repo, plan::Input& input,
                                                   std::vector<plan::SourceFile> files) {
    if (!plan::reads_tree(files) && !plan::reads_tree(input.fragments)) co_return Result<>{};
    git::SnapshotRequest request;
    request.repo = repo;
    request.sha = input.event.sha;
    request.tree = true;
    SLUICE_CO_TRY(git::Snapshot snapshot, co_await parts_.git.snapshot(std::move(request)));
    input.tree = std::move(snapshot.tree);
    co_return Result<>{};
}

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
    std::vector<plan::SourceFile> files{generated};
    co_return co_await read_tree(repo, input, std::move(files));
}

boost::asio::awaitable<Result<Grown>> Growth::plan(AttemptId attempt,
                                                   const protocol::FinishRequest& request) {
    Grown grown;
    if (!request.generated && request.outputs.empty()) co_return grown;
    auto read = [this, attempt, &request] {
        return parts_.readers.read(
            [attempt, &request](store::Tx& tx) { return read_facts(tx, attempt, request); });
    };
    Facts facts = co_await runtime::run_on(parts_.pool, std::move(read));
    if (facts.generator.empty() && facts.due.empty()) co_return grown;
    const auto project = parts_.projects.find(facts.project).value();
    // Named: a braced temporary in a co_await expression is destroyed twice (GCC 12).
    const git::Repo repo{project.id, project.url};
    plan::Input around = facts.input;  // of what was generated: without the project's files
    if (!facts.generator.empty()) {
        around.files.clear();
        around.fragments.clear();
        const plan::SourceFile generated{facts.path, *request.generated};
        auto fragments = co_await read_fragments(repo, around, generated);
        if (!fragments) co_return fragments.error();
    }
    if (!facts.due.empty()) {
        auto tree = co_await read_tree(repo, facts.input, facts.input.files);
        if (!tree) co_return tree.error();
    }
    auto work = [&facts, &around, &request] {
        Grown out;
        if (!facts.generator.empty()) generate(facts, around, *request.generated, out);
        for (const auto& due : facts.due) out.matrices.push_back(make_cells(facts, due));
        return out;
    };
    co_return co_await runtime::run_on(parts_.pool, std::move(work));
}

}  // namespace sluice::core
