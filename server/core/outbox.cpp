#include "server/core/outbox.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/base/text.hpp"
#include "platform/files.hpp"
#include "platform/log.hpp"
#include "server/core/statuses.hpp"
#include "server/store/jobs.hpp"
#include "server/store/outbox_pause.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

namespace {

constexpr std::int64_t k_batch = 16;
constexpr std::int64_t k_tries = 40;  // with the back-off below: about a day
constexpr std::int64_t k_longest_wait_ms = 3'600'000;
// End of the target of rows that ask for a verdict; a context of statuses never ends so.
constexpr std::string_view k_ask = "gate?";

hooks::StatusState state_of(model::RunState state) {
    switch (state) {
        case model::RunState::active: return hooks::StatusState::pending;
        case model::RunState::passed: return hooks::StatusState::passed;
        case model::RunState::warned: return hooks::StatusState::warned;
        case model::RunState::failed: return hooks::StatusState::failed;
        case model::RunState::errored: return hooks::StatusState::errored;
        case model::RunState::cancelled: return hooks::StatusState::cancelled;
    }
    return hooks::StatusState::errored;
}

/// The forge shows 140 bytes: what the first failures say is worth more than how many jobs there
/// are. The place of a finding stands in the message of its job.
std::string describe(store::Tx& tx, const store::Run& run) {
    if (!run.reason.empty()) return run.reason;
    if (run.state == model::RunState::active)
        return fmt::format("run {}: {} jobs", run.number, run.jobs_total);
    std::string text = fmt::format("run {} {}", run.number, to_text(run.state));
    if (run.state == model::RunState::passed || run.state == model::RunState::cancelled)
        return text;
    const char* separator = ": ";
    for (const store::BrokenJob& job : store::broken_jobs(tx, run.id, 5)) {
        const std::string first = job.message.substr(0, job.message.find('\n'));
        text += separator + job.key + (first.empty() ? "" : ": " + first);
        separator = "; ";
    }
    return text;
}

json::Value to_json(const hooks::Status& status) {
    return json::Object{{"state", to_text(status.state)},
                        {"sha", status.sha},
                        {"context", status.context},
                        {"description", status.description},
                        {"url", status.url}};
}

Result<hooks::Status> status_from_json(const std::string& text) {
    SLUICE_TRY(auto value, json::parse(text));
    json::ObjectReader reader(value, "");
    hooks::Status status;
    auto state = parse_enum<hooks::StatusState>(reader.string("state"));
    status.sha = reader.string("sha");
    status.context = reader.string("context");
    status.description = reader.string("description");
    status.url = reader.string("url");
    SLUICE_CHECK(reader.finish());
    if (!state) return error(Code::internal, "bad_state", "unknown status state");
    status.state = *state;
    return status;
}

}  // namespace

void Outbox::put_status(store::Tx& tx, ProjectId project, const hooks::Status& status,
                        bool begins) {
    const auto target = fmt::format("{}:{}:{}", project.value, status.sha, status.context);
    const auto payload = json::serialize(to_json(status));
    const auto newest = store::newest_outbox_payload(tx, target);
    // Forges keep every status and limit their number: nothing is said twice.
    if (newest == payload || (newest.empty() && !begins)) return;
    store::insert_outbox(tx, target, project, payload, parts_.clock.now());
}

void Outbox::report(store::Tx& tx, const store::Run& run) {
    auto project = parts_.projects.find(run.project);
    if (!project || project->status_api.empty()) return;
    hooks::Status status{state_of(run.state), run.sha, "sluice", describe(tx, run),
                         fmt::format("{}/runs/{}", parts_.public_url, run.id.value)};
    if (run.event_kind == "pull_request") status.context = "sluice/pr";
    put_status(tx, run.project, status, true);
    report_gate(tx, run);
    tx.after_commit([this] { wake_.notify(); });
}

void Outbox::report_gate(store::Tx& tx, ProjectId id, const std::string& sha,
                         const std::string& branch) {
    auto project = parts_.projects.find(id);
    if (!project || project->status_api.empty()) return;
    store::insert_outbox(tx, fmt::format("{}:{}:{}", id.value, sha, k_ask), id,
                         json::serialize(json::Object{{"sha", sha}, {"branch", branch}}),
                         parts_.clock.now());
    tx.after_commit([this] { wake_.notify(); });
}

boost::asio::awaitable<void> Outbox::run() {
    while (true) {
        const auto seen = wake_.version();
        std::size_t handled = 0;
        try {
            handled = co_await send_due();
        } catch (const boost::system::system_error&) {
            throw;  // cancelled
        } catch (const std::exception& failed) {
            log::error("outbox round failed error=\"{}\"", failed.what());
        }
        if (handled == 0) co_await wake_.wait(seen, std::chrono::milliseconds(5000));
    }
}

boost::asio::awaitable<std::size_t> Outbox::send_due() {
    auto read = [this] {
        return parts_.readers.read(
            [this](store::Tx& tx) { return store::due_outbox(tx, parts_.clock.now(), k_batch); });
    };
    auto rows = co_await runtime::run_on(parts_.db, std::move(read));
    for (const auto& row : rows) {
        // Not `?:`: GCC 12 destroys the result of a `co_await` in it twice.
        Handled handled;
        if (row.target.ends_with(k_ask))
            handled = co_await ask_gate(row);
        else
            handled = co_await send_status(row);
        if (handled.wait.count() == 0)
            handled.wait = Duration{std::min<std::int64_t>(
                k_longest_wait_ms, 1000LL << std::min<std::int64_t>(row.attempts, 12))};
        if (row.attempts + 1 >= k_tries) handled.final = true;
        // One limit holds for all that goes to that forge.
        const bool pause = handled.paused;
        auto settle = [this, id = row.id, project = row.project, pause,
                       handled](store::Tx& tx) -> Result<> {
            const Timestamp next{parts_.clock.now().ms + handled.wait.count()};
            if (handled.final || handled.failure.empty())
                store::settle_outbox(tx, id, handled.failure.empty() ? "sent" : "dead",
                                     handled.failure);
            else
                store::postpone_outbox(tx, id, next, handled.failure);
            if (pause) store::pause_outbox(tx, project, next);
            return {};
        };
        (void)co_await parts_.writer.write(std::move(settle));
        if (!handled.failure.empty())
            log::warn("status not sent target={} final={} error=\"{}\"", row.target, handled.final,
                      handled.failure);
        if (pause) break;  // the rest of what was read is not due any more
    }
    co_return rows.size();
}

boost::asio::awaitable<Outbox::Handled> Outbox::send_status(const store::OutboxRow& row) {
    auto project = parts_.projects.find(row.project);
    auto post = [this, project, payload = row.payload]() -> Result<Sent> {
        if (!project) return error(Code::gone, "project_gone", "the project is gone");
        SLUICE_TRY(auto status, status_from_json(payload));
        // The token is read at each use: rotating it needs no restart, and it is never in the
        // database.
        SLUICE_TRY(auto token, files::read_file(project->status_token_file, 4096));
        hooks::StatusTarget target{project->forge, project->status_api, project->status_repo,
                                   std::string(text::trim(token))};
        SLUICE_TRY(auto request, hooks::status_request(target, status));
        return parts_.send(request);
    };
    auto sent = co_await runtime::run_on(parts_.net, std::move(post));
    Handled handled;
    if (!sent) {
        handled.failure = sent.error().id + ": " + sent.error().message;
        co_return handled;
    }
    if (hooks::is_taken(project->forge, sent->status, sent->answer)) co_return handled;
    handled.failure = fmt::format("the forge answered {}", sent->status);
    if (!sent->answer.empty()) handled.failure += ": " + sent->answer;
    handled.final = !hooks::may_be_repeated(sent->status);
    handled.wait = sent->retry_after;
    handled.paused = handled.wait.count() > 0;
    co_return handled;
}

boost::asio::awaitable<Outbox::Handled> Outbox::ask_gate(const store::OutboxRow& row) {
    Handled handled;
    const auto project = parts_.projects.find(row.project);
    const auto asked = json::parse(row.payload);
    if (!project || !asked) {
        handled.failure = "project_gone: the project is gone";
        handled.final = true;
        co_return handled;
    }
    json::ObjectReader reader(*asked, "");
    const auto sha = reader.string("sha");
    const auto branch = reader.string("branch");
    // Whatever was asked up to here is answered by a verdict that is computed after it.
    auto look = [this, target = row.target] {
        return parts_.readers.read(
            [&](store::Tx& tx) { return store::newest_pending_outbox(tx, target); });
    };
    const auto newest = co_await runtime::run_on(parts_.db, std::move(look));
    auto verdict = co_await parts_.verdict(*project, sha, branch);
    if (!verdict) {
        const auto code = verdict.error().code;
        handled.failure = verdict.error().id + ": " + verdict.error().message;
        handled.final = code == Code::invalid || code == Code::not_found || code == Code::gone;
        co_return handled;
    }
    const auto statuses =
        statuses_of(*verdict, project->name, parts_.public_url, project->policy.job_statuses);
    auto put = [this, statuses, id = row.project, target = row.target,
                newest](store::Tx& tx) -> Result<> {
        for (const auto& one : statuses) put_status(tx, id, one.status, one.begins);
        store::settle_outbox_up_to(tx, target, newest);
        return {};
    };
    auto done = co_await parts_.writer.write(std::move(put));
    if (!done) handled.failure = done.error().id + ": " + done.error().message;
    co_return handled;
}

}  // namespace sluice::core
