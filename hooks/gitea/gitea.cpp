#include "hooks/gitea/gitea.hpp"

#include "hooks/hub_shape.hpp"
#include "hooks/signature.hpp"
#include "pipelines/base/text.hpp"

#include <array>

namespace sluice::hooks {
namespace {

constexpr std::string_view k_hub_signature = "x-hub-signature-256";
constexpr std::string_view k_weak_signature = "x-hub-signature";
// Forgejo sends its own names beside Gitea's, and Gitea those of Gogs.
constexpr std::array k_plain_signatures{std::string_view("x-gitea-signature"),
                                        std::string_view("x-forgejo-signature"),
                                        std::string_view("x-gogs-signature")};
constexpr std::array k_events{std::string_view("x-gitea-event"),
                              std::string_view("x-forgejo-event"),
                              std::string_view("x-gogs-event")};

constexpr HubPullRequest k_pull_request{.synchronize = "synchronized",
                                        .retargeted = "/changes/ref",
                                        .head_repo_id = "/pull_request/head/repo_id",
                                        .base_repo_id = "/pull_request/base/repo_id"};

}  // namespace

Result<> GiteaForge::verify(const RawDelivery& delivery, std::string_view secret) const {
    SLUICE_CHECK(
        check_headers(delivery, secret,
                      {k_hub_signature, k_weak_signature, k_plain_signatures[0],
                       k_plain_signatures[1], k_plain_signatures[2], k_events[0], k_events[1],
                       k_events[2], "x-gitea-delivery", "x-forgejo-delivery"}));
    // Several are sent at once: each one that is there has to be right.
    bool verified = false;
    if (auto signature = header(delivery, k_hub_signature)) {
        SLUICE_CHECK(
            verify_hex_hmac(*signature, "sha256=", secret, delivery.body, "X-Hub-Signature-256"));
        verified = true;
    }
    for (std::string_view name : k_plain_signatures) {
        auto signature = header(delivery, name);
        if (!signature) continue;
        SLUICE_CHECK(verify_hex_hmac(*signature, "", secret, delivery.body, name));
        verified = true;
    }
    if (verified) return {};
    if (header(delivery, k_weak_signature)) return signature_weak();
    return signature_missing("X-Gitea-Signature");
}

std::string GiteaForge::delivery_id(const RawDelivery& delivery) const {
    return delivery_id_from(delivery,
                            {"x-gitea-delivery", "x-forgejo-delivery", "x-gogs-delivery"});
}

Decoded GiteaForge::decode(const RawDelivery& delivery) const {
    std::string kind;
    for (std::string_view name : k_events) {
        if (kind.empty()) kind = text::sanitize_utf8(header(delivery, name).value_or(""), 64);
    }
    // A new or deleted ref comes twice: as create or delete, and as a push, which says more.
    if (kind == "create" || kind == "delete") {
        std::string why = "ignored: " + kind + " (its push tells it)";
        return ignore(std::move(kind), std::move(why));
    }
    if (kind != "push" && kind != "pull_request" && kind != "pull_request_sync") {
        std::string why = "ignored: " + (kind.empty() ? "no X-Gitea-Event header" : kind);
        return ignore(std::move(kind), std::move(why));
    }
    Payload body(delivery);
    if (!body.problem().empty()) return ignore(std::move(kind), body.problem());
    if (kind == "push") return decode_hub_push(std::move(kind), body);
    return decode_hub_pull_request(std::move(kind), body, k_pull_request);
}

}  // namespace sluice::hooks
