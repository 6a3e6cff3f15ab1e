#include "hooks/hub_shape.hpp"

#include "pipelines/base/text.hpp"

namespace sluice::hooks {
namespace {

std::string first_of(Payload& body, std::initializer_list<std::string_view> pointers) {
    for (std::string_view pointer : pointers) {
        std::string text = body.text_or_empty(pointer);
        if (!text.empty()) return text;
    }
    return {};
}

std::optional<model::PullRequestAction> action_of(const std::string& name, const Payload& body,
                                                  const HubPullRequest& shape) {
    using model::PullRequestAction;
    if (name == "opened" || name == "reopened") return PullRequestAction::opened;
    if (name == shape.synchronize || name == "ready_for_review") return PullRequestAction::updated;
    // A new base branch is another change to judge; a new title is not.
    if (name == "edited" && body.find(shape.retargeted)) return PullRequestAction::updated;
    if (name == "closed") return PullRequestAction::closed;
    return std::nullopt;
}

bool is_fork(const Payload& body, const HubPullRequest& shape) {
    const json::Value* head = body.find(shape.head_repo_id);
    const json::Value* base = body.find(shape.base_repo_id);
    return !head || !base || *head != *base;
}

/// Older Gitea has no field `draft` and tells it by the title alone.
bool is_draft(Payload& body, const std::string& title) {
    if (body.find("/pull_request/draft")) return body.flag("/pull_request/draft");
    return title.starts_with("WIP:") || title.starts_with("[WIP]");
}

}  // namespace

Decoded decode_hub_push(std::string kind, Payload& body) {
    DecodedEvent out;
    const std::string ref = body.text("/ref", k_ref_bytes);
    std::string after = body.commit("/after");
    std::string before = body.commit_or_zero("/before");
    // `after` of an annotated tag is the tag object; the commit is in head_commit.
    if (ref.starts_with("refs/tags/") && body.find("/head_commit/id"))
        after = body.commit("/head_commit/id");
    out.event.forced = body.flag("/forced");
    out.event.actor = first_of(body, {"/sender/login", "/pusher/login", "/pusher/name"});
    out.event.message = body.text_or_empty("/head_commit/message", k_message_bytes);
    out.event.author = body.text_or_empty("/head_commit/author/name");
    if (!body.problem().empty()) return ignore(std::move(kind), body.problem());
    std::string why = describe_push(out, ref, std::move(before), std::move(after));
    if (!why.empty()) return ignore(std::move(kind), std::move(why));
    return one_event(std::move(kind), std::move(out));
}

Decoded decode_hub_pull_request(std::string kind, Payload& body, const HubPullRequest& shape) {
    const std::string name = body.text("/action");
    if (!body.problem().empty()) return ignore(std::move(kind), body.problem());
    auto action = action_of(name, body, shape);
    if (!action) return ignore(std::move(kind), "ignored: pull_request " + name);

    DecodedEvent out;
    out.action = action;
    out.event.kind = model::EventKind::pull_request;
    out.event.sha = body.commit("/pull_request/head/sha");
    out.event.actor = body.text_or_empty("/sender/login");
    model::PullRequest pr;
    pr.number = body.number("/pull_request/number");
    pr.title = body.text_or_empty("/pull_request/title", k_title_bytes);
    pr.author = body.text_or_empty("/pull_request/user/login");
    pr.source_branch = body.branch("/pull_request/head/ref");
    pr.target_branch = body.branch("/pull_request/base/ref");
    pr.draft = is_draft(body, pr.title);
    pr.fork = is_fork(body, shape);
    pr.labels = body.texts("/pull_request/labels", "name");
    if (text::is_zero_id(out.event.sha)) body.fail("bad_sha /pull_request/head/sha is zero");
    if (!body.problem().empty()) return ignore(std::move(kind), body.problem());
    out.ref = "refs/pull/" + std::to_string(pr.number) + "/head";
    out.event.pull_request = std::move(pr);
    return one_event(std::move(kind), std::move(out));
}

}  // namespace sluice::hooks
