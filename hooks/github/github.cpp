#include "hooks/github/github.hpp"

#include "hooks/hub_shape.hpp"
#include "hooks/signature.hpp"
#include "pipelines/base/text.hpp"

namespace sluice::hooks {
namespace {

constexpr std::string_view k_event = "x-github-event";
constexpr std::string_view k_delivery = "x-github-delivery";
constexpr std::string_view k_signature = "x-hub-signature-256";
constexpr std::string_view k_weak_signature = "x-hub-signature";

constexpr HubPullRequest k_pull_request{.synchronize = "synchronize",
                                        .retargeted = "/changes/base",
                                        .head_repo_id = "/pull_request/head/repo/id",
                                        .base_repo_id = "/pull_request/base/repo/id"};

}  // namespace

Result<> GithubForge::verify(const RawDelivery& delivery, std::string_view secret) const {
    SLUICE_CHECK(
        check_headers(delivery, secret, {k_signature, k_weak_signature, k_event, k_delivery}));
    if (auto signature = header(delivery, k_signature))
        return verify_hex_hmac(*signature, "sha256=", secret, delivery.body, "X-Hub-Signature-256");
    if (header(delivery, k_weak_signature)) return signature_weak();
    return signature_missing("X-Hub-Signature-256");
}

std::string GithubForge::delivery_id(const RawDelivery& delivery) const {
    return delivery_id_from(delivery, {k_delivery});
}

Decoded GithubForge::decode(const RawDelivery& delivery) const {
    std::string kind = text::sanitize_utf8(header(delivery, k_event).value_or(""), 64);
    if (kind != "push" && kind != "pull_request") {
        std::string why = "ignored: " + (kind.empty() ? "no X-GitHub-Event header" : kind);
        return ignore(std::move(kind), std::move(why));
    }
    Payload body(delivery);
    if (!body.problem().empty()) return ignore(std::move(kind), body.problem());
    if (kind == "pull_request")
        return decode_hub_pull_request(std::move(kind), body, k_pull_request);
    Decoded decoded = decode_hub_push(std::move(kind), body);
    // The forge's own merge queue pushes these; they are no work of a person.
    if (!decoded.events.empty() && decoded.events[0].event.branch.starts_with("gh-readonly-queue/"))
        return ignore(std::move(decoded.kind), "ignored: merge queue branch");
    return decoded;
}

}  // namespace sluice::hooks
