#include "pipelines/model/event.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::model {
namespace {

json::Value pull_request_to_json(const PullRequest& pr) {
    return json::Object{{"number", pr.number},
                        {"title", wire::text(pr.title)},
                        {"author", wire::text(pr.author)},
                        {"source_branch", wire::text(pr.source_branch)},
                        {"target_branch", wire::text(pr.target_branch)},
                        {"draft", pr.draft},
                        {"fork", pr.fork},
                        {"labels", wire::strings(pr.labels)}};
}

Result<PullRequest> pull_request_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    PullRequest pr;
    pr.number = in.integer("number", 0, wire::k_max_integer);
    pr.title = in.string_or("title", "");
    pr.author = in.string_or("author", "");
    pr.source_branch = in.string_or("source_branch", "");
    pr.target_branch = in.string_or("target_branch", "");
    pr.draft = in.boolean_or("draft", false);
    pr.fork = in.boolean_or("fork", false);
    pr.labels = in.strings_or_empty("labels");
    SLUICE_CHECK(in.finish_strict());
    return pr;
}

json::Value queue_to_json(const QueueEntry& queue) {
    json::Array prs(queue.prs.begin(), queue.prs.end());
    return json::Object{{"prs", std::move(prs)},
                        {"position", queue.position},
                        {"target_branch", wire::text(queue.target_branch)}};
}

Result<QueueEntry> queue_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    QueueEntry out;
    if (const json::Array* prs = in.array_or_null("prs"))
        for (const json::Value& number : *prs) {
            if (!number.is_int64()) in.fail("prs", "a list of whole numbers is required");
            if (number.is_int64()) out.prs.push_back(number.as_int64());
        }
    out.position = in.integer_or("position", 0, 0, wire::k_max_integer);
    out.target_branch = in.string_or("target_branch", "");
    SLUICE_CHECK(in.finish_strict());
    return out;
}

Result<ScheduleTick> tick_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    ScheduleTick out{in.string("name", 512), in.string_or("date", "", 10),
                     in.string_or("time", "", 5)};
    SLUICE_CHECK(in.finish_strict());
    return out;
}

Result<DatasetVersion> dataset_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    DatasetVersion out{in.string("name", 512), in.string_or("version", "", 128),
                       in.string_or("digest", "", 128)};
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace

json::Value to_json(const Event& event) {
    json::Object out{{"kind", wire::text_of(event.kind)}, {"sha", wire::text(event.sha)}};
    const auto put = [&](std::string_view key, const std::string& value) {
        if (!value.empty()) out[key] = wire::text(value);
    };
    put("branch", event.branch);
    put("tag", event.tag);
    put("old_sha", event.old_sha);
    if (event.forced) out["forced"] = true;
    put("actor", event.actor);
    put("message", event.message);
    put("author", event.author);
    if (event.pull_request) out["pull_request"] = pull_request_to_json(*event.pull_request);
    if (!event.options.empty()) out["options"] = wire::strings(event.options);
    if (event.schedule)
        out["schedule"] = json::Object{{"name", wire::text(event.schedule->name)},
                                       {"date", wire::text(event.schedule->date)},
                                       {"time", wire::text(event.schedule->time)}};
    if (event.queue) out["queue"] = queue_to_json(*event.queue);
    if (event.dataset)
        out["dataset"] = json::Object{{"name", wire::text(event.dataset->name)},
                                      {"version", wire::text(event.dataset->version)},
                                      {"digest", wire::text(event.dataset->digest)}};
    if (!event.params.empty()) out["params"] = wire::string_map(event.params);
    return out;
}

Result<Event> event_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Event event;
    event.kind = wire::enum_required<EventKind>(in, "kind");
    event.branch = in.string_or("branch", "");
    event.tag = in.string_or("tag", "");
    event.sha = in.string_or("sha", "", 64);
    event.old_sha = in.string_or("old_sha", "", 64);
    event.forced = in.boolean_or("forced", false);
    event.actor = in.string_or("actor", "");
    event.message = in.string_or("message", "", 1 << 20);
    event.author = in.string_or("author", "");
    if (const json::Value* pr = in.find("pull_request")) {
        SLUICE_TRY(event.pull_request, pull_request_from_json(*pr, in.pointer("pull_request")));
    }
    event.options = in.strings_or_empty("options");
    SLUICE_TRY(event.schedule, wire::maybe<ScheduleTick>(in, "schedule", tick_from_json));
    SLUICE_TRY(event.queue, wire::maybe<QueueEntry>(in, "queue", queue_from_json));
    SLUICE_TRY(event.dataset, wire::maybe<DatasetVersion>(in, "dataset", dataset_from_json));
    event.params = in.string_map_or_empty("params", 200);
    SLUICE_CHECK(in.finish_strict());
    return event;
}

}  // namespace sluice::model
