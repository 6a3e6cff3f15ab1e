#include "server/core/outbox.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/base/text.hpp"
#include "platform/files.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace sluice::core {

namespace {

constexpr std::int64_t k_batch = 16;
constexpr std::int64_t k_tries = 40;  // with the back-off below: about a day
constexpr std::int64_t k_longest_wait_ms = 3'600'000;

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

std::string describe(const store::Run& run) {
    if (!run.reason.empty()) return run.reason;
    if (run.state == model::RunState::active)
        return fmt::format("run {}: {} jobs", run.number, run.jobs_total);
    return fmt::format("run {} {}", run.number, to_text(run.state));
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

void Outbox::report(store::Tx& tx, const store::Run& run) {
    auto project = parts_.projects.find(run.project);
    if (!project || project->status_api.empty()) return;
    hooks::Status status{state_of(run.state), run.sha, "sluice", describe(run),
                         fmt::format("{}/runs/{}", parts_.public_url, run.id.value)};
    if (run.event_kind == "pull_request") status.context = "sluice/pr";
    store::insert_outbox(tx, fmt::format("{}:{}:{}", run.project.value, run.sha, status.context),
                         run.project, json::serialize(to_json(status)), parts_.clock.now());
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
            spdlog::error("outbox round failed error=\"{}\"", failed.what());
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
        std::string failure;
        bool final = false;
        Duration wait{std::min<std::int64_t>(k_longest_wait_ms,
                                             1000LL << std::min<std::int64_t>(row.attempts, 12))};
        if (!sent) {
            failure = sent.error().id + ": " + sent.error().message;
        } else if (sent->status >= 200 && sent->status < 300) {
            final = true;
        } else {
            failure = fmt::format("the forge answered {}", sent->status);
            const bool again = sent->status == 408 || sent->status == 429 || sent->status >= 500 ||
                               sent->status == 401 || sent->status == 403;
            final = !again;
            if (sent->retry_after.count() > 0) wait = sent->retry_after;
        }
        if (!final && row.attempts + 1 >= k_tries) final = true;
        auto settle = [this, id = row.id, failure, final, wait](store::Tx& tx) -> Result<> {
            if (final)
                store::settle_outbox(tx, id, failure.empty() ? "sent" : "dead", failure);
            else
                store::postpone_outbox(tx, id, {parts_.clock.now().ms + wait.count()}, failure);
            return {};
        };
        (void)co_await parts_.writer.write(std::move(settle));
        if (!failure.empty())
            spdlog::warn("status not sent target={} final={} error=\"{}\"", row.target, final,
                         failure);
    }
    co_return rows.size();
}

}  // namespace sluice::core
