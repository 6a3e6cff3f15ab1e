#include "server/core/intake.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/plan/grow.hpp"
#include "server/core/fragments.hpp"
#include "server/core/trust.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

namespace sluice::core {

namespace {

constexpr std::int64_t k_attempts_before_quarantine = 3;

json::Value events_to_json(const std::vector<hooks::DecodedEvent>& events) {
    json::Array out;
    for (const auto& event : events) {
        json::Object item;
        item["event"] = model::to_json(event.event);
        item["ref"] = event.ref;
        if (event.action) item["action"] = to_text(*event.action);
        out.push_back(std::move(item));
    }
    return out;
}

std::vector<hooks::DecodedEvent> events_from_json(const std::string& text) {
    std::vector<hooks::DecodedEvent> out;
    const auto all = json::parse(text, {.bytes = 64 << 20, .depth = 64})
                         .value();  // named: a range-for keeps no temporary alive
    for (const auto& value : all.as_array()) {
        json::ObjectReader reader(value, "");
        hooks::DecodedEvent event;
        event.event = model::event_from_json(*reader.find("event"), "/event").value();
        event.ref = reader.string_or("ref", "");
        event.action = parse_enum<model::PullRequestAction>(reader.string_or("action", ""));
        out.push_back(std::move(event));
    }
    return out;
}

}  // namespace

awaitable<Result<Intake::Receipt>> Intake::receive(store::Project project,
                                                   const std::string& source,
                                                   const hooks::Forge& forge,
                                                   hooks::RawDelivery raw) {
    auto decoded = forge.decode(raw);
    store::Delivery row;
    row.project = project.id;
    row.source = source;
    row.delivery_id = forge.delivery_id(raw);
    row.kind = decoded.kind;
    row.state = decoded.events.empty() ? "ignored" : "received";
    row.outcome = decoded.events.empty() ? decoded.ignored : "";
    // The first attempt is counted with the row: it is about to be made.
    row.attempts = 1;
    row.received_at = parts_.clock.now();
    row.events = json::serialize(events_to_json(decoded.events));
    auto store_it = [row](store::Tx& tx) -> Result<DeliveryId> {
        return store::insert_delivery(tx, row).value_or(DeliveryId{});
    };
    auto prefetched = prefetch(project, decoded.events);
    SLUICE_CO_TRY(DeliveryId id, co_await parts_.writer.write(std::move(store_it)));
    if (!id)
        co_return Receipt{{}, "duplicate", "delivery " + row.delivery_id + " is known already"};
    if (decoded.events.empty()) co_return Receipt{id, "ignored", decoded.ignored};
    enqueue(project.id, id, std::move(decoded.events), std::move(prefetched));
    co_return Receipt{id, "accepted", ""};
}

void Intake::recover() {
    struct Open {
        ProjectId project;
        DeliveryId id;
    };
    std::vector<Open> open;
    auto mark = [&open, this](store::Tx& tx) -> Result<> {
        open.clear();
        for (auto id : store::open_deliveries(tx)) {
            auto row = store::find_delivery(tx, id).value();
            if (row.attempts >= k_attempts_before_quarantine) {
                spdlog::error("delivery quarantined id={} attempts={}", id.value, row.attempts);
                store::settle_delivery(tx, id, "quarantined",
                                       "the server stopped three times while handling it", 0);
                continue;
            }
            store::count_delivery_attempt(tx, id);
            open.push_back({row.project, id});
        }
        return {};
    };
    parts_.writer.write_blocking(mark).value();
    for (auto& item : open) enqueue(item.project, item.id, std::nullopt, nullptr);
}

std::shared_ptr<Intake::Prefetch> Intake::prefetch(const store::Project& project,
                                                   const std::vector<hooks::DecodedEvent>& events) {
    if (events.size() != 1 || events.front().action == model::PullRequestAction::closed)
        return nullptr;
    {
        // Behind other deliveries it would only take their turn at git.
        std::lock_guard lock(mutex_);
        auto queue = queues_.find(project.id);
        if (queue != queues_.end() && queue->second.busy) return nullptr;
    }
    auto state = std::make_shared<Prefetch>();
    auto work = [](Intake& self, std::shared_ptr<Prefetch> out, store::Project of,
                   hooks::DecodedEvent event) -> awaitable<void> {
        try {
            out->prepared = co_await self.prepare(of, event.event, event.ref);
        } catch (const std::exception& failed) {
            out->prepared = error(Code::unavailable, "internal", failed.what());
        }
        out->done = true;
        out->ended.notify();
    };
    boost::asio::co_spawn(parts_.executor, work(*this, state, project, events.front()),
                          boost::asio::detached);
    return state;
}

void Intake::enqueue(ProjectId project, DeliveryId delivery,
                     std::optional<std::vector<hooks::DecodedEvent>> events,
                     std::shared_ptr<Prefetch> prefetched) {
    {
        std::lock_guard lock(mutex_);
        auto& queue = queues_[project];
        queue.items.push_back({delivery, std::move(events), std::move(prefetched)});
        if (queue.busy) return;
        queue.busy = true;
    }
    boost::asio::co_spawn(parts_.executor, work(project), boost::asio::detached);
}

awaitable<void> Intake::work(ProjectId project_id) {
    while (true) {
        Item item;
        {
            std::lock_guard lock(mutex_);
            auto& queue = queues_[project_id];
            if (queue.items.empty()) {
                queue.busy = false;
                co_return;
            }
            item = std::move(queue.items.front());
            queue.items.pop_front();
        }
        std::string failure;
        try {
            if (!item.events) {
                auto read = [this, id = item.delivery] {
                    return parts_.readers.read(
                        [id](store::Tx& tx) { return store::find_delivery(tx, id); });
                };
                auto row = co_await runtime::run_on(parts_.pool, std::move(read));
                item.events = events_from_json(row.value().events);
            }
            auto project = parts_.projects.find(project_id).value();
            std::string notes;
            for (std::size_t i = 0; i < item.events->size(); ++i) {
                const bool last = i + 1 == item.events->size();
                auto handled = co_await handle_event(project, (*item.events)[i], item.delivery,
                                                     last, item.prefetched);
                if (!handled) {
                    failure = handled.error().id + ": " + handled.error().message;
                    continue;
                }
                if (!handled->note.empty()) notes += (notes.empty() ? "" : "; ") + handled->note;
            }
            if (failure.empty() && notes.empty()) continue;
            auto settle = [id = item.delivery, failure, notes](store::Tx& tx) -> Result<> {
                store::settle_delivery(tx, id, failure.empty() ? "done" : "failed",
                                       failure.empty() ? notes : failure, 0);
                return {};
            };
            (void)co_await parts_.writer.write(std::move(settle));
            if (!failure.empty())
                spdlog::warn("delivery failed id={} error=\"{}\"", item.delivery.value, failure);
        } catch (const std::exception& error) {
            // The delivery stays `received` with its attempt counted: the next start tries again,
            // at most three times.
            spdlog::error("delivery broke id={} error=\"{}\"", item.delivery.value, error.what());
        }
    }
}

awaitable<Result<Intake::Handled>> Intake::handle_event(store::Project project,
                                                        hooks::DecodedEvent decoded,
                                                        DeliveryId delivery, bool last,
                                                        std::shared_ptr<Prefetch> prefetched) {
    const bool closed = decoded.action == model::PullRequestAction::closed;
    auto note_pull_request = [this, id = project.id, event = decoded.event,
                              closed](store::Tx& tx) -> Result<> {
        parts_.pull_requests.record(tx, id, event, !closed);
        return {};
    };
    if (closed) {
        auto noted = co_await parts_.writer.write(std::move(note_pull_request));
        if (!noted) co_return noted.error();
        co_return Handled{{}, "pull request closed"};
    }
    Result<Prepared> prepared = Prepared{};
    if (prefetched) {
        for (auto seen = prefetched->ended.version(); !prefetched->done;
             seen = prefetched->ended.version())
            co_await prefetched->ended.wait(seen, std::chrono::minutes(1));
        prepared = std::move(*prefetched->prepared);
    } else {
        prepared = co_await prepare(project, decoded.event, decoded.ref);
    }
    if (!prepared) prepared = told(project, decoded.event, prepared.error());
    if (!prepared) co_return prepared.error();
    // Whatever the push brings: its commit is the tip from which schedules are read.
    const bool is_tip = decoded.event.kind == model::EventKind::push &&
                        decoded.event.branch == project.default_branch;
    if (!is_tip) prepared->schedules.reset();
    if (!prepared->run && (decoded.event.pull_request || prepared->schedules)) {
        auto note = [this, note_pull_request, id = project.id,
                     schedules = std::move(prepared->schedules)](store::Tx& tx) -> Result<> {
            if (schedules) parts_.schedules.replace(tx, id, *schedules);
            return note_pull_request(tx);
        };
        auto noted = co_await parts_.writer.write(std::move(note));
        if (!noted) co_return noted.error();
    }
    if (!prepared->run) co_return Handled{{}, prepared->note};
    if (!prepared->covered.empty()) co_return Handled{{}, prepared->covered};
    auto create = [this, run = std::move(*prepared->run), delivery, last,
                   schedules = std::move(prepared->schedules),
                   main = project.default_branch](store::Tx& tx) -> Result<RunId> {
        const RunId id = parts_.lifecycle.create_run(tx, run);
        if (schedules) parts_.schedules.replace(tx, run.project, *schedules);
        parts_.pull_requests.record(tx, run.project, run.event, true);
        supersede(tx, parts_.lifecycle, run, id, main);
        if (last) store::settle_delivery(tx, delivery, "done", "run created", id.value);
        return id;
    };
    SLUICE_CO_TRY(RunId id, co_await parts_.writer.write(std::move(create)));
    co_return Handled{id, ""};
}

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
                spdlog::info("no schedules read project={} error=\"{}\"", of.name,
                             read.error().message);
        } catch (const std::exception& failed) {
            spdlog::error("schedules not read project={} error=\"{}\"", of.name, failed.what());
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

awaitable<Result<RunId>> Intake::retry(RunId id, bool everything, std::string actor) {
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
    event.actor = actor;
    const std::string ref = event.branch.empty() ? "" : "refs/heads/" + event.branch;
    // The tier is frozen with the first run: a branch that is protected since must not lift what
    // ran before.
    SLUICE_CO_TRY(Prepared prepared, co_await prepare(project, event, ref, run->tier, before + 2));
    if (!prepared.run) co_return error(Code::conflict, "not_triggered", prepared.note);
    prepared.run->retry_of = id;
    prepared.run->carry_passed = !everything;
    auto create = [this, fresh = std::move(*prepared.run)](store::Tx& tx) -> Result<RunId> {
        return parts_.lifecycle.create_run(tx, fresh);
    };
    co_return co_await parts_.writer.write(std::move(create));
}

}  // namespace sluice::core
