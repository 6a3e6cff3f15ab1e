#include "hooks/gitlab/gitlab.hpp"

#include "hooks/payload.hpp"
#include "hooks/signature.hpp"
#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

namespace sluice::hooks {
namespace {

constexpr std::string_view k_event = "x-gitlab-event";
constexpr std::string_view k_token = "x-gitlab-token";
constexpr std::string_view k_signature = "webhook-signature";
constexpr std::string_view k_id = "webhook-id";
constexpr std::string_view k_timestamp = "webhook-timestamp";

/// One of the space-separated `v1,<base64>` is HMAC-SHA-256(key, "id.timestamp.body"). Several are
/// sent while a key is being replaced.
bool any_signature_fits(std::string_view signatures, std::string_view mac) {
    bool fits = false;
    for (const std::string& signature : text::split(signatures, ' ')) {
        if (!signature.starts_with("v1,")) continue;
        auto sent = text::from_base64(std::string_view(signature).substr(3));
        if (sent && sent->size() == 32 && crypto::ct_equal(*sent, mac)) fits = true;
    }
    return fits;
}

bool signature_fits(const RawDelivery& delivery, std::string_view signatures,
                    std::string_view secret) {
    std::string signed_text(header(delivery, k_id).value_or(""));
    signed_text += '.';
    signed_text += header(delivery, k_timestamp).value_or("");
    signed_text += '.';
    signed_text += delivery.body;
    if (any_signature_fits(signatures, crypto::hmac_sha256(secret, signed_text))) return true;
    // Standard Webhooks writes keys as whsec_<base64 of the key>.
    constexpr std::string_view prefix = "whsec_";
    if (!secret.starts_with(prefix)) return false;
    auto key = text::from_base64(secret.substr(prefix.size()));
    return key && !key->empty() &&
           any_signature_fits(signatures, crypto::hmac_sha256(*key, signed_text));
}

/// GitLab tells of the commits, the newest last; the tip's is found by its id.
void describe_tip(model::Event& event, const Payload& body) {
    const json::Value* commits = body.find("/commits");
    if (!commits || !commits->is_array()) return;
    for (const json::Value& commit : commits->get_array()) {
        const json::Object* object = commit.if_object();
        const json::Value* id = object ? object->if_contains("id") : nullptr;
        if (!id || !id->is_string() || std::string_view(id->get_string()) != event.sha) continue;
        if (const json::Value* message = object->if_contains("message");
            message && message->is_string())
            event.message =
                text::sanitize_utf8(std::string_view(message->get_string()), k_message_bytes);
        const json::Value* author = object->if_contains("author");
        const json::Value* name =
            author && author->is_object() ? author->get_object().if_contains("name") : nullptr;
        if (name && name->is_string())
            event.author = text::sanitize_utf8(std::string_view(name->get_string()), 256);
    }
}

std::string actor_of(Payload& body, std::string_view login, std::string_view name) {
    std::string actor = body.text_or_empty(login);
    return actor.empty() ? body.text_or_empty(name) : actor;
}

Decoded push(std::string kind, Payload& body) {
    DecodedEvent out;
    const std::string ref = body.text("/ref", k_ref_bytes);
    std::string after = body.commit("/after");
    std::string before = body.commit_or_zero("/before");
    // `after` of an annotated tag is the tag object; checkout_sha is the commit, and null when the
    // tag was deleted.
    if (ref.starts_with("refs/tags/") && body.find("/checkout_sha"))
        after = body.commit("/checkout_sha");
    out.event.actor = actor_of(body, "/user_username", "/user_name");
    if (!body.problem().empty()) return ignore(std::move(kind), body.problem());
    std::string why = describe_push(out, ref, std::move(before), std::move(after));
    if (!why.empty()) return ignore(std::move(kind), std::move(why));
    describe_tip(out.event, body);
    return one_event(std::move(kind), std::move(out));
}

std::optional<model::PullRequestAction> action_of(const std::string& name, const Payload& body) {
    using model::PullRequestAction;
    if (name == "open" || name == "reopen") return PullRequestAction::opened;
    if (name == "close" || name == "merge") return PullRequestAction::closed;
    if (name != "update") return std::nullopt;
    // oldrev is there only when commits changed. Another target branch or the end of a draft also
    // asks for a new judgement; titles, labels and descriptions do not.
    const json::Value* draft = body.find("/changes/draft/current");
    const bool ready = draft && *draft == json::Value(false);
    if (body.find("/object_attributes/oldrev") || body.find("/changes/target_branch") || ready)
        return PullRequestAction::updated;
    return std::nullopt;
}

bool is_fork(const Payload& body) {
    const json::Value* source = body.find("/object_attributes/source_project_id");
    const json::Value* target = body.find("/object_attributes/target_project_id");
    return !source || !target || *source != *target;
}

Decoded merge_request(std::string kind, Payload& body) {
    const std::string name = body.text_or_empty("/object_attributes/action");
    if (!body.problem().empty()) return ignore(std::move(kind), body.problem());
    auto action = action_of(name, body);
    if (!action) {
        std::string why = "ignored: merge_request " + (name.empty() ? "without an action" : name);
        if (name == "update") why += " without new commits";
        return ignore(std::move(kind), std::move(why));
    }
    DecodedEvent out;
    out.action = action;
    out.event.kind = model::EventKind::pull_request;
    out.event.sha = body.commit("/object_attributes/last_commit/id");
    out.event.message =
        body.text_or_empty("/object_attributes/last_commit/message", k_message_bytes);
    out.event.author = body.text_or_empty("/object_attributes/last_commit/author/name");
    out.event.actor = actor_of(body, "/user/username", "/user/name");
    model::PullRequest pr;
    pr.number = body.number("/object_attributes/iid");
    pr.title = body.text_or_empty("/object_attributes/title", k_title_bytes);
    // The payload names its author by number only; who opens it is the author.
    if (name == "open") pr.author = out.event.actor;
    pr.source_branch = body.branch("/object_attributes/source_branch");
    pr.target_branch = body.branch("/object_attributes/target_branch");
    pr.draft =
        body.flag("/object_attributes/draft") || body.flag("/object_attributes/work_in_progress");
    pr.fork = is_fork(body);
    pr.labels = body.texts("/labels", "title");
    if (text::is_zero_id(out.event.sha))
        body.fail("bad_sha /object_attributes/last_commit/id is zero");
    if (!body.problem().empty()) return ignore(std::move(kind), body.problem());
    out.ref = "refs/merge-requests/" + std::to_string(pr.number) + "/head";
    out.event.pull_request = std::move(pr);
    return one_event(std::move(kind), std::move(out));
}

}  // namespace

Result<> GitlabForge::verify(const RawDelivery& delivery, std::string_view secret) const {
    SLUICE_CHECK(check_headers(
        delivery, secret, {k_token, k_signature, k_id, k_timestamp, k_event, "idempotency-key"}));
    auto signatures = header(delivery, k_signature);
    auto token = header(delivery, k_token);
    if (!signatures && !token) return signature_missing("X-Gitlab-Token");
    if (signatures && signature_fits(delivery, *signatures, secret)) return {};
    // A project may have a signing key that we do not know beside the token that we do.
    if (token && crypto::ct_equal(*token, secret)) return {};
    return signature_mismatch(signatures ? "webhook-signature" : "X-Gitlab-Token");
}

std::string GitlabForge::delivery_id(const RawDelivery& delivery) const {
    // X-Gitlab-Event-UUID is not used: hooks that were triggered by one another share it.
    return delivery_id_from(delivery, {"idempotency-key", k_id});
}

Decoded GitlabForge::decode(const RawDelivery& delivery) const {
    std::string kind = text::sanitize_utf8(header(delivery, k_event).value_or(""), 64);
    Payload body(delivery);
    if (!body.problem().empty()) return ignore(std::move(kind), body.problem());
    const std::string object_kind = body.text_or_empty("/object_kind");
    if (!body.problem().empty()) return ignore(std::move(kind), body.problem());
    if (object_kind == "push" || object_kind == "tag_push") return push(std::move(kind), body);
    if (object_kind == "merge_request") return merge_request(std::move(kind), body);
    std::string why = "ignored: " + (object_kind.empty() ? "no object_kind" : object_kind);
    return ignore(std::move(kind), std::move(why));
}

}  // namespace sluice::hooks
