#include "server/api/api.hpp"
#include "server/api/views.hpp"
#include "server/http/sse.hpp"

#include <charconv>

namespace sluice::api {

namespace {

constexpr std::size_t k_batch = 256;

struct Filter {
    ProjectId project;  ///< 0 = all
    RunId run;          ///< 0 = all
};

bool wanted(const Filter& filter, const store::EventRow& event) {
    if (filter.run && event.run != filter.run) return false;
    return !filter.project || event.project == filter.project || !event.project;
}

awaitable<void> follow(Api& api, Filter filter, EventId cursor, http::StreamWriter& out) {
    // Tells the browser where it stands even if nothing ever happens.
    if (!co_await out.write(":\n\n")) co_return;
    while (!out.closed() && !api.stopping) {
        const auto seen = api.feed.signal().version();
        auto events = api.feed.after(cursor, k_batch);
        if (!events) {
            auto read = [cursor](store::Tx& tx) {
                return store::events_after(tx, cursor, static_cast<std::int64_t>(k_batch));
            };
            events = co_await api.read(std::move(read));
        }
        std::string text;
        for (const auto& event : *events) {
            cursor = event.id;
            if (wanted(filter, event))
                text += http::format_sse(
                    {std::to_string(event.id.value), "", json::serialize(view(event))});
        }
        if (!text.empty() && !co_await out.write(std::move(text))) co_return;
        if (!events->empty()) continue;
        if (!co_await http::wait_for_news(out, api.feed.signal(), seen)) co_return;
    }
}

awaitable<Reply> stream(Api& api, Request& request) {
    Filter filter;
    if (const auto name = query_text(request, "project"); !name.empty()) {
        auto project = api.projects.find(name);
        if (!project)
            co_return http::error_reply(
                error(Code::not_found, "unknown_project", "no project of that name", "project"));
        filter.project = project->id;
    }
    auto run = query_integer(request, "run", 0, 1, INT64_MAX);
    if (!run) co_return http::error_reply(run.error());
    filter.run = {*run};
    auto after = query_integer(request, "after", -1, 0, INT64_MAX);
    if (!after) co_return http::error_reply(after.error());
    EventId cursor = *after >= 0 ? EventId{*after} : api.feed.newest();
    if (const auto last = request.header("last-event-id"); !last.empty()) {
        std::int64_t value = 0;
        auto [end, failed] = std::from_chars(last.data(), last.data() + last.size(), value);
        if (failed == std::errc{} && end == last.data() + last.size() && value >= 0)
            cursor = {value};
    }
    co_return http::sse_reply([&api, filter, cursor](http::StreamWriter& out) {
        return follow(api, filter, cursor, out);
    });
}

}  // namespace

std::vector<http::Route> event_routes(Api& api) {
    return {person(api, http::Method::get, "/api/v1/events", Role::read,
                   [&api](Request& r, const Principal&) { return stream(api, r); })};
}

}  // namespace sluice::api
