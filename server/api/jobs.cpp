#include "server/api/api.hpp"
#include "server/api/log_text.hpp"
#include "server/api/views.hpp"
#include "server/http/range.hpp"
#include "server/http/sse.hpp"

#include <unistd.h>

#include <charconv>

namespace sluice::api {

namespace {

constexpr std::size_t k_stream_piece = 256 * 1024;

awaitable<Result<store::Job>> find_job(Api& api, JobId id) {
    auto read = [id](store::Tx& tx) { return store::find_job(tx, id); };
    auto job = co_await api.read(std::move(read));
    if (!job) co_return error(Code::not_found, "not_found", "no such job", "job");
    co_return std::move(*job);
}

awaitable<Reply> show(Api& api, Request& request) {
    auto id = path_id<JobId>(request, "job");
    if (!id) co_return http::error_reply(id.error());
    auto job = co_await find_job(api, *id);
    if (!job) co_return http::error_reply(job.error());
    const auto live = api.leases.find_by_job(*id);
    json::Value shown = view(
        *job, live, live && job->log_attempt == live->id ? api.logs.size(live->id) : job->log_size);
    auto read = [attempt = live ? live->id : job->log_attempt](store::Tx& tx) {
        return store::execution_of(tx, attempt);
    };
    const store::Execution execution = co_await api.read(std::move(read));
    shown.as_object()["execution"] = view(execution, live);
    const auto kept = api.shells.kept_for(*id);
    shown.as_object()["kept_until"] =
        kept ? json::Value(format_timestamp({api.clock.now().ms + kept->count()}))
             : json::Value(nullptr);
    co_return json_reply(shown);
}

awaitable<Reply> cancel(Api& api, Request& request, const Principal& who) {
    auto id = path_id<JobId>(request, "job");
    if (!id) co_return http::error_reply(id.error());
    auto change = [&api, id = *id, by = who.name](store::Tx& tx) -> Result<> {
        return api.lifecycle.cancel_job(tx, id, by);
    };
    auto done = co_await api.writer.write(std::move(change));
    if (!done) co_return http::error_reply(done.error());
    co_return co_await show(api, request);
}

/// The attempt whose log is meant: a given number, or the one people see.
awaitable<Result<AttemptId>> log_attempt(Api& api, const store::Job& job, const Request& request) {
    SLUICE_CO_TRY(const auto number, query_integer(request, "attempt", 0, 1, 1'000'000));
    if (number == 0) co_return job.log_attempt;
    auto read = [id = job.id, number](store::Tx& tx) {
        return store::find_attempt_by_epoch(tx, id, number);
    };
    auto attempt = co_await api.read(std::move(read));
    if (!attempt)
        co_return error(Code::not_found, "not_found", "the job has no attempt of that number",
                        "attempt");
    co_return attempt->id;
}

awaitable<Reply> log(Api& api, Request& request) {
    auto id = path_id<JobId>(request, "job");
    if (!id) co_return http::error_reply(id.error());
    auto job = co_await find_job(api, *id);
    if (!job) co_return http::error_reply(job.error());
    auto attempt = co_await log_attempt(api, *job, request);
    if (!attempt) co_return http::error_reply(attempt.error());
    struct Opened {
        std::shared_ptr<files::Fd> fd;
        std::int64_t size = 0;
    };
    auto open = [&api, attempt = *attempt]() -> Opened {
        Opened opened;
        if (!attempt) return opened;
        // The size the store vouches for first, then the file: bytes beyond an acknowledged offset
        // are never shown.
        opened.size = api.logs.size(attempt);
        if (auto fd = api.logs.open(attempt))
            opened.fd = std::make_shared<files::Fd>(std::move(*fd));
        return opened;
    };
    auto opened = co_await runtime::run_on(api.disk, std::move(open));
    Reply reply = opened.fd ? http::file_reply(opened.fd, opened.size, "text/plain; charset=utf-8",
                                               request.header("range"))
                            : Reply{200, "text/plain; charset=utf-8", {}, std::string{}};
    reply.headers.emplace_back("X-Log-Complete", model::is_terminal(job->state) ? "true" : "false");
    reply.headers.emplace_back("Content-Security-Policy", "sandbox");
    co_return reply;
}

awaitable<void> tail(Api& api, JobId id, std::int64_t offset, http::StreamWriter& out) {
    std::shared_ptr<files::Fd> fd;
    AttemptId attempt;
    std::vector<char> buffer(k_stream_piece);
    while (!out.closed() && !api.stopping) {
        // The state is read before the bytes: once it is terminal, what follows is the whole rest.
        const auto feed_seen = api.feed.signal().version();
        auto live = api.leases.find_by_job(id);
        const auto log_seen = live ? live->log_grew->version() : 0;
        auto job = co_await find_job(api, id);
        if (!job) co_return;
        const bool ended = model::is_terminal(job->state);
        if (job->log_attempt != attempt) {
            // A retry starts a log of its own; a resumed stream keeps its offset for the first one
            // only.
            if (attempt) offset = 0;
            attempt = job->log_attempt;
            fd.reset();
        }
        while (attempt) {
            struct Piece {
                std::int64_t got = 0;
                std::int64_t size = 0;
            };
            auto load = [&api, &fd, &buffer, attempt, offset]() -> Piece {
                Piece piece;
                piece.size = api.logs.size(attempt);
                if (!fd)
                    if (auto opened = api.logs.open(attempt))
                        fd = std::make_shared<files::Fd>(std::move(*opened));
                if (!fd || offset >= piece.size) return piece;
                const auto want = std::min<std::int64_t>(piece.size - offset,
                                                         static_cast<std::int64_t>(buffer.size()));
                piece.got = std::max<ssize_t>(
                    0, ::pread(fd->get(), buffer.data(), static_cast<std::size_t>(want), offset));
                return piece;
            };
            const Piece piece = co_await runtime::run_on(api.disk, std::move(load));
            if (piece.got == 0) break;
            const bool last = ended && offset + piece.got >= piece.size;
            // The id stands before the data, so the text comes first.
            std::string text;
            const auto taken =
                append_log_text(text, {buffer.data(), static_cast<std::size_t>(piece.got)}, last);
            if (taken == 0) break;
            offset += static_cast<std::int64_t>(taken);
            std::string event = "id: " + std::to_string(offset) + "\nevent: log\ndata: ";
            event.reserve(event.size() + text.size() + 2);
            event += text;
            event += "\n\n";
            if (!co_await out.write(std::move(event))) co_return;
        }
        if (ended) {
            json::Object end{{"state", to_text(job->state)}, {"attempt", job->attempts}};
            std::string event =
                http::format_sse({std::to_string(offset), "end", json::serialize(end)});
            co_await out.write(std::move(event));
            co_return;
        }
        if (live) {
            if (!co_await http::wait_for_news(out, *live->log_grew, log_seen)) co_return;
        } else {
            if (!co_await http::wait_for_news(out, api.feed.signal(), feed_seen)) co_return;
        }
    }
}

awaitable<Reply> stream(Api& api, Request& request) {
    auto id = path_id<JobId>(request, "job");
    if (!id) co_return http::error_reply(id.error());
    auto job = co_await find_job(api, *id);
    if (!job) co_return http::error_reply(job.error());
    auto offset = query_integer(request, "offset", 0, 0, INT64_MAX);
    if (!offset) co_return http::error_reply(offset.error());
    if (const auto last = request.header("last-event-id"); !last.empty()) {
        std::int64_t resumed = 0;
        auto [end, failed] = std::from_chars(last.data(), last.data() + last.size(), resumed);
        if (failed == std::errc{} && end == last.data() + last.size() && resumed >= 0)
            offset = resumed;
    }
    co_return http::sse_reply([&api, id = *id, offset = *offset](http::StreamWriter& out) {
        return tail(api, id, offset, out);
    });
}

awaitable<Reply> decide(Api& api, Request& request, const Principal& who, bool approved) {
    auto id = path_id<JobId>(request, "job");
    if (!id) co_return http::error_reply(id.error());
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    json::ObjectReader reader(*body, "");
    core::Lifecycle::Decision decision;
    decision.by = who.name;
    decision.role = who.role;
    decision.reason = reader.string_or("reason", "", 4096);
    decision.approved = approved;
    if (auto checked = reader.finish_strict(); !checked)
        co_return http::error_reply(checked.error());
    auto change = [&api, id = *id, decision](store::Tx& tx) -> Result<> {
        return api.lifecycle.decide_job(tx, id, decision);
    };
    auto done = co_await api.writer.write(std::move(change));
    if (!done) co_return http::error_reply(done.error());
    co_return co_await show(api, request);
}

}  // namespace

std::vector<http::Route> job_routes(Api& api) {
    using http::Method;
    return {
        person(api, Method::get, "/api/v1/jobs/{job}", Role::read,
               [&api](Request& r, const Principal&) { return show(api, r); }),
        person(api, Method::post, "/api/v1/jobs/{job}/cancel", Role::write,
               [&api](Request& r, const Principal& who) { return cancel(api, r, who); }),
        person(api, Method::post, "/api/v1/jobs/{job}/approve", Role::read,
               [&api](Request& r, const Principal& who) { return decide(api, r, who, true); }),
        person(api, Method::post, "/api/v1/jobs/{job}/reject", Role::read,
               [&api](Request& r, const Principal& who) { return decide(api, r, who, false); }),
        person(api, Method::get, "/api/v1/jobs/{job}/log", Role::read,
               [&api](Request& r, const Principal&) { return log(api, r); }),
        person(api, Method::get, "/api/v1/jobs/{job}/log/stream", Role::read,
               [&api](Request& r, const Principal&) { return stream(api, r); }),
    };
}

}  // namespace sluice::api
