#include "server/core/intake.hpp"

#include "platform/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

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
                log::error("delivery quarantined id={} attempts={}", id.value, row.attempts);
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
                log::warn("delivery failed id={} error=\"{}\"", item.delivery.value, failure);
        } catch (const std::exception& error) {
            // The delivery stays `received` with its attempt counted: the next start tries again,
            // at most three times.
            log::error("delivery broke id={} error=\"{}\"", item.delivery.value, error.what());
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

}  // namespace sluice::core
