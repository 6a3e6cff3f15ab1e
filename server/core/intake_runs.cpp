// Intake: runs that people and the clock ask for.
#include "server/core/intake.hpp"

#include "platform/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <fmt/ranges.h>

namespace sluice::core {

awaitable<Result<RunId>> Intake::start_manual(store::Project project, ManualRun wanted,
                                              std::string actor) {
    model::Event event;
    event.kind = model::EventKind::manual;
    event.actor = actor;
    event.params = wanted.params;
    event.branch = wanted.branch.empty() && wanted.sha.empty() ? project.default_branch
                                                               : std::move(wanted.branch);
    const git::Repo repo{project.id, project.url};
    const std::string ref = event.branch.empty() ? "" : "refs/heads/" + event.branch;
    event.sha = std::move(wanted.sha);
    auto ceiling = model::Tier::t3;
    if (event.sha.empty()) {
        SLUICE_CO_TRY(event.sha, co_await parts_.git.resolve(repo, ref));
    } else if (!event.branch.empty()) {
        // A commit is not the branch's because somebody says so.
        auto tip = co_await parts_.git.resolve(repo, ref);
        if (!tip || *tip != event.sha) ceiling = model::Tier::t2;
    }
    SLUICE_CO_TRY(Prepared prepared, co_await prepare(project, event, ref, ceiling));
    if (!prepared.run)
        co_return error(
            Code::conflict, "not_triggered",
            prepared.note + "; add `manual: {}` to `on` in .ci.yml to start runs by hand");
    if (!prepared.bad_params.empty())
        co_return error(Code::invalid, "bad_params",
                        fmt::format("{}", fmt::join(prepared.bad_params, "; ")), "/params");
    auto create = [this, run = std::move(*prepared.run)](store::Tx& tx) -> Result<RunId> {
        return parts_.lifecycle.create_run(tx, run);
    };
    co_return co_await parts_.writer.write(std::move(create));
}

awaitable<Result<Intake::Choices>> Intake::choices(store::Project project, std::string branch) {
    if (branch.empty()) branch = project.default_branch;
    Choices out;
    // Named: GCC 12 destroys an aggregate that is a temporary of a co_await expression twice.
    const git::Repo repo{project.id, project.url};
    SLUICE_CO_TRY(auto tip, co_await parts_.git.branch_tip(repo, branch, &out.sha));
    plan::Input input;
    input.event.kind = model::EventKind::manual;
    input.event.branch = branch;
    input.event.sha = out.sha;
    input.files = std::move(tip.files);
    input.default_branch = project.default_branch;
    auto planning = [input = std::move(input)] { return plan::make_plan(input); };
    auto outcome = co_await runtime::run_on(parts_.pool, std::move(planning));
    out.manual = outcome.triggered;
    out.params = std::move(outcome.params);
    co_return out;
}

awaitable<Result<RunId>> Intake::start_tick(store::Project project, Schedules::Due due) {
    model::Event event;
    event.kind = model::EventKind::schedule;
    event.actor = "schedule " + due.schedule.name;
    event.branch = due.schedule.branch.empty() ? project.default_branch : due.schedule.branch;
    event.schedule = model::ScheduleTick{due.schedule.name, due.tick.date, due.tick.time};
    event.params = due.schedule.params;
    const std::string ref = "refs/heads/" + event.branch;
    const git::Repo repo{project.id, project.url};
    SLUICE_CO_TRY(event.sha, co_await parts_.git.resolve(repo, ref));
    auto prepared = co_await prepare(project, event, ref);
    if (!prepared) prepared = told(project, event, prepared.error());
    if (!prepared) co_return prepared.error();
    if (event.branch != project.default_branch) prepared->schedules.reset();
    auto create = [this, prepared = std::move(*prepared), due, branch = event.branch,
                   project = project.id](store::Tx& tx) -> Result<RunId> {
        if (prepared.schedules) parts_.schedules.replace(tx, project, *prepared.schedules);
        if (!prepared.run) {
            const auto why = fmt::format("branch {} has no schedule of this name", branch);
            // Together with what the branch has now, and so no error that would undo it.
            if (due.tick.id) store::settle_tick(tx, due.tick.id, "skipped", why, {});
            return RunId{};
        }
        const RunId id = parts_.lifecycle.create_run(tx, *prepared.run);
        auto tick = due.tick;
        tick.state = "fired";
        tick.run = id;
        const bool first = tick.id ? store::settle_tick(tx, tick.id, tick.state, "", id)
                                   : store::insert_tick(tx, tick);
        if (!first) return error(Code::conflict, "tick_settled", "the tick has had its run");
        return id;
    };
    SLUICE_CO_TRY(RunId id, co_await parts_.writer.write(std::move(create)));
    if (!id)
        co_return error(Code::conflict, "not_triggered",
                        "the tip of branch " + event.branch + " has no schedule of this name");
    co_return id;
}

void Intake::read_schedules(store::Project project) {
    auto work = [](Intake& self, store::Project of) -> awaitable<void> {
        try {
            if (auto read = co_await self.schedules_of_tip(of); !read)
                log::info("no schedules read project={} error=\"{}\"", of.name,
                          read.error().message);
        } catch (const std::exception& failed) {
            log::error("schedules not read project={} error=\"{}\"", of.name, failed.what());
        }
    };
    boost::asio::co_spawn(parts_.executor, work(*this, std::move(project)), boost::asio::detached);
}

awaitable<Result<>> Intake::schedules_of_tip(store::Project project) {
    std::string sha;
    const git::Repo repo{project.id, project.url};
    SLUICE_CO_TRY(auto tip, co_await parts_.git.branch_tip(repo, project.default_branch, &sha));
    auto reading = [files = std::move(tip.files)] { return plan::read_schedules(files); };
    auto schedules = co_await runtime::run_on(parts_.pool, std::move(reading));
    if (!schedules) co_return Result<>{};
    auto keep = [this, id = project.id, read = std::move(*schedules)](store::Tx& tx) -> Result<> {
        parts_.schedules.replace(tx, id, read);
        return {};
    };
    co_return co_await parts_.writer.write(std::move(keep));
}

awaitable<Result<RunId>> Intake::retry(RunId id, Retry wanted) {
    int before = 0;
    auto read = [this, id, &before] {
        return parts_.readers.read([id, &before](store::Tx& tx) {
            before = store::retries_before(tx, id);
            return store::find_run(tx, id);
        });
    };
    auto run = co_await runtime::run_on(parts_.pool, std::move(read));
    if (!run) co_return error(Code::not_found, "not_found", "no such run");
    if (!model::is_terminal(run->state))
        co_return error(Code::conflict, "run_active", "the run has not ended; cancel it first");
    auto project = parts_.projects.find(run->project).value();
    SLUICE_CO_TRY(auto value, json::parse(run->event, {.bytes = 4 << 20, .depth = 64}));
    SLUICE_CO_TRY(auto event, model::event_from_json(value, ""));
    event.actor = wanted.actor;
    if (wanted.keep.count() > 0 && event.pull_request && event.pull_request->fork)
        co_return error(Code::forbidden, "fork_not_kept",
                        "jobs of a fork are never kept: a person would sit where its code has run; "
                        "retry without `keep`");
    const std::string ref = event.branch.empty() ? "" : "refs/heads/" + event.branch;
    // The tier is frozen with the first run: a branch that is protected since must not lift what
    // ran before.
    SLUICE_CO_TRY(Prepared prepared, co_await prepare(project, event, ref, run->tier, before + 2));
    if (!prepared.run) co_return error(Code::conflict, "not_triggered", prepared.note);
    prepared.run->retry_of = id;
    prepared.run->carry_passed = !wanted.everything;
    prepared.run->keep = wanted.keep;
    auto create = [this, fresh = std::move(*prepared.run)](store::Tx& tx) -> Result<RunId> {
        return parts_.lifecycle.create_run(tx, fresh);
    };
    co_return co_await parts_.writer.write(std::move(create));
}

}  // namespace sluice::core
