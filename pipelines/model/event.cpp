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
    SLUICE_CHECK(in.finish_strict());
    return event;
}

}  // namespace sluice::model
