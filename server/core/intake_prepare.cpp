// Intake: an event and a commit → the run that is to be created.
#include "pipelines/base/text.hpp"
#include "pipelines/plan/grow.hpp"
#include "server/core/fragments.hpp"
#include "server/core/intake.hpp"
#include "server/core/known_labels.hpp"
#include "server/core/trust.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

Result<Intake::Prepared> Intake::told(const store::Project& project, const model::Event& event,
                                      const Error& failure) {
    if (failure.code == Code::unavailable) return failure;
    NewRun broken;
    broken.project = project.id;
    broken.event = event;
    broken.message = event.message;
    broken.author = event.author;
    broken.tier = tier_of(event, project.policy, project.default_branch);
    broken.reason = failure.id + ": " + failure.message;
    return Prepared{std::move(broken), "", "", {}, {}};
}

awaitable<Result<Intake::Prepared>> Intake::prepare(store::Project project, model::Event event,
                                                    std::string ref, model::Tier ceiling,
                                                    int attempt) {
    const git::Repo repo{project.id, project.url};
    git::SnapshotRequest request;
    request.repo = repo;
    request.sha = event.sha;
    request.ref = ref;
    if (event.kind == model::EventKind::push) {
        request.base = event.old_sha;
        if (event.branch != project.default_branch)
            request.fallback_branch = project.default_branch;
    } else if (event.pull_request) {
        const std::string name = "refs/heads/" + event.pull_request->target_branch;
        auto base = co_await parts_.git.resolve(repo, name);
        request.base = base ? *base : "";
        request.use_merge_base = true;
    }
    if (text::is_zero_id(request.base)) request.base.clear();
    SLUICE_CO_TRY(git::Snapshot snapshot, co_await parts_.git.snapshot(std::move(request)));

    // What was read: a short or annotated name is the commit from here on.
    event.sha = snapshot.sha;
    event.message = snapshot.message;
    event.author = snapshot.author;
    if (plan::is_skipped(event))
        co_return Prepared{std::nullopt,
                           "skipped by the commit message or a push option",
                           "",
                           {},
                           plan::read_schedules(snapshot.files)};

    if (!parts_.projects.numbered(project.name)) {
        auto read = [this, id = project.id] {
            return parts_.readers.read(
                [id](store::Tx& tx) { return store::next_run_number(tx, id); });
        };
        const auto next = co_await runtime::run_on(parts_.pool, std::move(read));
        parts_.projects.draw_number(project.name, next - 1);
    }
    plan::Input input;
    input.event = event;
    input.files = std::move(snapshot.files);
    input.fragments = std::move(snapshot.fragments);
    input.changed_paths = std::move(snapshot.changed_paths);
    input.tree = std::move(snapshot.tree);
    input.default_branch = project.default_branch;
    input.project_name = project.name;
    input.project_url = project.url;
    const auto tier = std::min(ceiling, tier_of(event, project.policy, project.default_branch));
    input.trusted = is_trusted(tier, event);
    co_await fetch_fragments(parts_.git, input);
    if (!input.tree && plan::reads_tree(input.fragments)) {
        // Only a fragment of another repository asks for it: the git worker did not know.
        git::SnapshotRequest again;
        again.repo = repo;
        again.sha = event.sha;
        again.tree = true;
        SLUICE_CO_TRY(git::Snapshot with_tree, co_await parts_.git.snapshot(std::move(again)));
        input.tree = std::move(with_tree.tree);
    }
    std::size_t bytes = 0;
    for (const auto& file : input.files) bytes += file.text.size();
    for (const auto& file : input.fragments) bytes += file.text.size();
    // The number is drawn before the plan is known to need one: gaps are harmless, two runs of one
    // number are not.
    input.run_number = parts_.projects.draw_number(project.name, 0);
    const RunId id = parts_.lifecycle.draw_run_id();
    input.run_id = id.value;
    input.run_url = fmt::format("{}/runs/{}", public_url_, id.value);
    input.run_attempt = attempt;

    plan::Outcome outcome;
    if (bytes > 16 * 1024) {
        auto planning = [input] { return plan::make_plan(input); };
        outcome = co_await runtime::run_on(parts_.pool, std::move(planning));
    } else {
        outcome = plan::make_plan(input);
    }
    if (!outcome.triggered && !config::has_errors(outcome.diagnostics))
        co_return Prepared{std::nullopt,
                           "no `on` of the configuration matches this event",
                           "",
                           {},
                           std::move(outcome.schedules)};
    std::string covered;
    if (outcome.plan)
        covered = covered_by_pull_request(parts_.pull_requests, project.id, input, *outcome.plan)
                      .value_or("");
    if (outcome.plan && asks_for_labels(*outcome.plan)) {
        auto read = [this] {
            return parts_.readers.read([](store::Tx& tx) { return store::all_agents(tx); });
        };
        const auto agents = co_await runtime::run_on(parts_.pool, std::move(read));
        for (auto& warning : warn_of_labels(*outcome.plan, known_labels(agents)))
            outcome.diagnostics.push_back(std::move(warning));
    }
    plan::refuse_unsupported(outcome);
    NewRun run;
    run.id = id;
    run.project = project.id;
    run.tier = tier;
    run.number = input.run_number;
    run.event = std::move(event);
    run.message = snapshot.message;
    run.author = snapshot.author;
    json::Array diagnostics;
    for (const auto& diagnostic : outcome.diagnostics)
        diagnostics.push_back(config::to_json(diagnostic));
    run.diagnostics = json::serialize(diagnostics);
    if (outcome.plan) run.concurrency = outcome.plan->concurrency;
    run.plan = std::move(outcome.plan);
    if (run.plan && plan::may_grow(*run.plan)) {
        if (!plan::has_open_matrix(*run.plan)) {
            input.files.clear();
            input.fragments.clear();
        }
        run.input = json::serialize(plan::to_json(input));
    }
    // Code of strangers: it runs on our machines only after someone with write access has looked
    // (reference A9, T0).
    if (tier == model::Tier::t0) run.hold = "from a fork: held until someone approves the run";
    if (!run.plan) {
        const auto is_error = [](const auto& d) { return d.severity == config::Severity::error; };
        const auto first =
            std::find_if(outcome.diagnostics.begin(), outcome.diagnostics.end(), is_error);
        const auto errors =
            std::count_if(outcome.diagnostics.begin(), outcome.diagnostics.end(), is_error);
        run.reason = errors == 1 ? "config: " + config::format(*first)
                                 : fmt::format("config: {} errors in the configuration", errors);
    }
    co_return Prepared{std::move(run), "", std::move(covered), std::move(outcome.param_complaints),
                       std::move(outcome.schedules)};
}

}  // namespace sluice::core
