// Shells in the kept environments of failed jobs: for people and for runners; the audit trail.
#include "server/api/api.hpp"
#include "server/api/lease_route.hpp"
#include "server/api/views.hpp"
#include "server/store/attempts.hpp"
#include "server/store/events.hpp"
#include "server/store/jobs.hpp"

#include "pipelines/base/text.hpp"

namespace sluice::api {

namespace {

using store::ShellId;

constexpr std::int64_t k_read_wait_max = 25'000;

json::Value view(const store::Shell& shell) {
    const auto number = [](const std::optional<std::int64_t>& value) {
        return value ? json::Value(*value) : json::Value(nullptr);
    };
    return json::Object{
        {"id", shell.id.value},
        {"job_id", shell.job.value},
        {"run_id", shell.run.value},
        {"project", shell.project},
        {"job", shell.job_key},
        {"agent", shell.agent},
        {"opened_by", shell.opened_by},
        {"decided_by", shell.decided_by},
        {"state", to_text(shell.state)},
        {"asked_at", format_timestamp(shell.asked_at)},
        {"opened_at", time_or_null(shell.opened_at)},
        {"ended_at", time_or_null(shell.ended_at)},
        {"duration_ms", shell.opened_at && shell.ended_at
                            ? json::Value(*shell.ended_at - *shell.opened_at)
                            : json::Value(nullptr)},
        {"exit_code", number(shell.exit_code)},
        {"ending", shell.ending},
    };
}

core::Shells::Person person_of(const Principal& who) {
    return {who.token, who.name, who.role == "admin"};
}

awaitable<Result<store::Shell>> find_shell(Api& api, ShellId id) {
    auto read = [id](store::Tx& tx) { return store::find_shell(tx, id); };
    auto shell = co_await api.read(std::move(read));
    if (!shell) co_return error(Code::not_found, "not_found", "no such shell", "shell");
    co_return std::move(*shell);
}

awaitable<Reply> list(Api& api, Request& request) {
    auto job = query_integer(request, "job", 0, 1, INT64_MAX);
    if (!job) co_return http::error_reply(job.error());
    auto limit = query_integer(request, "limit", 50, 1, 500);
    if (!limit) co_return http::error_reply(limit.error());
    auto read = [job = *job, limit = *limit](store::Tx& tx) {
        return store::list_shells(tx, {job}, limit);
    };
    json::Array out;
    for (const auto& shell : co_await api.read(std::move(read))) out.push_back(view(shell));
    co_return json_reply(json::Object{{"shells", std::move(out)}});
}

awaitable<Reply> show(Api& api, Request& request) {
    auto id = path_id<ShellId>(request, "shell");
    if (!id) co_return http::error_reply(id.error());
    auto shell = co_await find_shell(api, *id);
    if (!shell) co_return http::error_reply(shell.error());
    co_return json_reply(view(*shell));
}

awaitable<Reply> ask(Api& api, Request& request, const Principal& who) {
    auto id = path_id<JobId>(request, "job");
    if (!id) co_return http::error_reply(id.error());
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    json::ObjectReader reader(*body, "");
    core::Shells::Wanted wanted{*id, reader.string_or("term", "dumb", 64), {}};
    wanted.window = protocol::window_size(reader);
    if (auto checked = reader.finish_strict(); !checked)
        co_return http::error_reply(checked.error());
    auto read = [id = *id](store::Tx& tx) { return store::find_job(tx, id); };
    const auto job = co_await api.read(std::move(read));
    if (!job)
        co_return http::error_reply(error(Code::not_found, "not_found", "no such job", "job"));
    if (!model::is_terminal(job->state))
        co_return http::error_reply(error(Code::conflict, "job_active",
                                          "the job is " + std::string(to_text(job->state)) +
                                              "; a shell is for one that "
                                              "has failed"));
    core::Shells::Person person = person_of(who);
    auto shell = co_await api.shells.ask(std::move(wanted), person);
    if (!shell) co_return http::error_reply(shell.error());
    co_return json_reply(view(*shell), 201);
}

awaitable<Reply> decide(Api& api, Request& request, const Principal& who, bool approved) {
    auto id = path_id<ShellId>(request, "shell");
    if (!id) co_return http::error_reply(id.error());
    auto shell = co_await api.shells.decide(*id, who.name, approved);
    if (!shell) co_return http::error_reply(shell.error());
    co_return json_reply(view(*shell));
}

/// The news of a shell that is not in memory any more: how it ended.
awaitable<Reply> last_words(Api& api, ShellId id, std::int64_t offset) {
    auto shell = co_await find_shell(api, id);
    if (!shell) co_return http::error_reply(shell.error());
    co_return json_reply(json::Object{{"shell", view(*shell)}, {"offset", offset}, {"bytes", ""}});
}

awaitable<Reply> read_output(Api& api, Request& request, const Principal& who) {
    auto id = path_id<ShellId>(request, "shell");
    if (!id) co_return http::error_reply(id.error());
    auto offset = query_integer(request, "offset", 0, 0, INT64_MAX);
    if (!offset) co_return http::error_reply(offset.error());
    auto wait = query_integer(request, "wait_ms", 0, 0, k_read_wait_max);
    if (!wait) co_return http::error_reply(wait.error());
    core::Shells::Position at{*offset, std::nullopt, Duration{*wait}};
    const std::string seen = query_text(request, "seen");
    if (!seen.empty()) {
        at.seen = parse_enum<store::ShellState>(seen);
        if (!at.seen)
            co_return http::error_reply(
                error(Code::invalid, "bad_query", "requested, waiting, open or ended", "seen"));
    }
    core::Shells::Person person = person_of(who);
    auto news = co_await api.shells.read(*id, person, at);
    if (!news && news.error().code == Code::gone) co_return co_await last_words(api, *id, *offset);
    if (!news) co_return http::error_reply(news.error());
    co_return json_reply(json::Object{{"shell", view(news->shell)},
                                      {"offset", news->offset},
                                      {"bytes", text::to_base64(news->bytes)}});
}

awaitable<Reply> type_input(Api& api, Request& request, const Principal& who) {
    auto id = path_id<ShellId>(request, "shell");
    if (!id) co_return http::error_reply(id.error());
    auto body = co_await json_body(request);
    if (!body) co_return http::error_reply(body.error());
    json::ObjectReader reader(*body, "");
    core::Shells::Typed typed;
    typed.offset = reader.integer("offset", 0, INT64_MAX);
    auto bytes =
        text::from_base64(reader.string_or("bytes", "", protocol::k_shell_piece_max / 3 * 4 + 8));
    if (!bytes) reader.fail("bytes", "must be base64");
    typed.bytes = bytes.value_or("");
    if (reader.find("columns") != nullptr) typed.window = protocol::window_size(reader);
    if (auto checked = reader.finish_strict(); !checked)
        co_return http::error_reply(checked.error());
    core::Shells::Person person = person_of(who);
    auto taken = co_await api.shells.type(*id, person, std::move(typed));
    if (!taken) co_return http::error_reply(taken.error());
    co_return json_reply(json::Object{{"offset", *taken}});
}

awaitable<Reply> close(Api& api, Request& request, const Principal& who) {
    auto id = path_id<ShellId>(request, "shell");
    if (!id) co_return http::error_reply(id.error());
    core::Shells::Person person = person_of(who);
    auto closed = co_await api.shells.close(*id, person);
    if (!closed) co_return http::error_reply(closed.error());
    co_return co_await show(api, request);
}

awaitable<Reply> release(Api& api, Request& request, const Principal& who) {
    auto id = path_id<JobId>(request, "job");
    if (!id) co_return http::error_reply(id.error());
    core::Shells::Person person = person_of(who);
    const bool kept = co_await api.shells.release(*id, person);
    if (!kept)
        co_return http::error_reply(
            error(Code::not_found, "not_kept", "nothing of this job is kept", "job"));
    auto note = [&api, id = *id, by = who.name](store::Tx& tx) -> Result<> {
        store::insert_audit(tx, api.clock.now(), by, "shell.release",
                            "job " + std::to_string(id.value), "");
        return {};
    };
    auto noted = co_await api.writer.write(std::move(note));
    if (!noted) co_return http::error_reply(noted.error());
    co_return Reply{204, "", {}, std::string{}};
}

awaitable<Reply> audit(Api& api, Request& request) {
    store::AuditFilter filter;
    filter.action = query_text(request, "action");
    auto before = query_integer(request, "before", 0, 1, INT64_MAX);
    if (!before) co_return http::error_reply(before.error());
    auto limit = query_integer(request, "limit", 50, 1, 500);
    if (!limit) co_return http::error_reply(limit.error());
    filter.before = *before;
    filter.limit = *limit;
    auto read = [filter](store::Tx& tx) { return store::list_audit(tx, filter); };
    json::Array out;
    for (const auto& row : co_await api.read(std::move(read)))
        out.push_back(json::Object{{"id", row.id},
                                   {"at", format_timestamp(row.at)},
                                   {"actor", row.actor},
                                   {"action", row.action},
                                   {"subject", row.subject},
                                   {"detail", row.detail}});
    co_return json_reply(json::Object{{"entries", std::move(out)}});
}

// ---- runners ----

/// The ended attempt that a runner speaks for.
Result<core::Shells::Keeper> keeper_of(store::Tx& tx, AttemptId id, const std::string& instance) {
    const auto attempt = store::find_attempt(tx, id);
    if (!attempt || attempt->state != model::AttemptState::finished ||
        attempt->runner_instance != instance)
        return error(Code::conflict, "not_kept",
                     "only the runner that has finished the attempt keeps its environment");
    const auto job = store::find_job(tx, attempt->job);
    return core::Shells::Keeper{id, attempt->job, job ? job->agent : ""};
}

awaitable<Reply> kept(Api& api, Request& request, AttemptId id) {
    auto value = co_await json_body(request);
    if (!value) co_return http::error_reply(value.error());
    auto body = protocol::parse_kept(*value);
    if (!body) co_return http::error_reply(body.error());
    auto read = [id, instance = body->runner_instance](store::Tx& tx) {
        return keeper_of(tx, id, instance);
    };
    auto keeper = co_await api.read(std::move(read));
    if (!keeper) co_return http::error_reply(keeper.error());
    const auto reply = co_await api.shells.wait_for_person(*keeper, *body);
    co_return json_reply(to_json(reply));
}

awaitable<Reply> printed(Api& api, Request& request, AttemptId attempt) {
    auto id = path_id<ShellId>(request, "shell");
    if (!id) co_return http::error_reply(id.error());
    auto value = co_await json_body(request);
    if (!value) co_return http::error_reply(value.error());
    auto piece = protocol::parse_shell_output(*value);
    if (!piece) co_return http::error_reply(piece.error());
    auto taken = co_await api.shells.printed(attempt, *id, std::move(*piece));
    if (!taken) co_return http::error_reply(taken.error());
    co_return json_reply(to_json(*taken));
}

awaitable<Reply> typed(Api& api, Request& request, AttemptId attempt) {
    auto id = path_id<ShellId>(request, "shell");
    if (!id) co_return http::error_reply(id.error());
    auto value = co_await json_body(request);
    if (!value) co_return http::error_reply(value.error());
    auto wanted = protocol::parse_input_request(*value);
    if (!wanted) co_return http::error_reply(wanted.error());
    auto input = co_await api.shells.wait_for_input(attempt, *id, *wanted);
    if (!input) co_return http::error_reply(input.error());
    co_return json_reply(to_json(*input));
}

}  // namespace

std::vector<http::Route> shell_routes(Api& api) {
    using http::Method;
    return {
        person(api, Method::get, "/api/v1/shells", Role::read,
               [&api](Request& r, const Principal&) { return list(api, r); }),
        person(api, Method::get, "/api/v1/shells/{shell}", Role::read,
               [&api](Request& r, const Principal&) { return show(api, r); }),
        person(api, Method::post, "/api/v1/jobs/{job}/shells", Role::write,
               [&api](Request& r, const Principal& who) { return ask(api, r, who); }),
        person(api, Method::del, "/api/v1/jobs/{job}/kept", Role::write,
               [&api](Request& r, const Principal& who) { return release(api, r, who); }),
        person(api, Method::get, "/api/v1/shells/{shell}/output", Role::write,
               [&api](Request& r, const Principal& who) { return read_output(api, r, who); }),
        person(api, Method::post, "/api/v1/shells/{shell}/input", Role::write,
               [&api](Request& r, const Principal& who) { return type_input(api, r, who); }),
        person(api, Method::post, "/api/v1/shells/{shell}/close", Role::write,
               [&api](Request& r, const Principal& who) { return close(api, r, who); }),
        person(api, Method::post, "/api/v1/shells/{shell}/approve", Role::admin,
               [&api](Request& r, const Principal& who) { return decide(api, r, who, true); }),
        person(api, Method::post, "/api/v1/shells/{shell}/reject", Role::admin,
               [&api](Request& r, const Principal& who) { return decide(api, r, who, false); }),
    };
}

std::vector<http::Route> audit_routes(Api& api) {
    return {person(api, http::Method::get, "/api/v1/audit", Role::admin,
                   [&api](Request& r, const Principal&) { return audit(api, r); })};
}

std::vector<http::Route> runner_shell_routes(Api& api) {
    using http::Method;
    return {
        lease_route(api, Method::post, "/agent/v1/attempts/{attempt}/kept",
                    [&api](Request& r, AttemptId id) { return kept(api, r, id); }),
        lease_route(api, Method::post, "/agent/v1/attempts/{attempt}/shells/{shell}/output",
                    [&api](Request& r, AttemptId id) { return printed(api, r, id); }),
        lease_route(api, Method::post, "/agent/v1/attempts/{attempt}/shells/{shell}/input",
                    [&api](Request& r, AttemptId id) { return typed(api, r, id); }),
    };
}

}  // namespace sluice::api
