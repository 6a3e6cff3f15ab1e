#include "hooks/git/git.hpp"

#include "hooks/payload.hpp"
#include "hooks/signature.hpp"
#include "pipelines/base/text.hpp"

namespace sluice::hooks {
namespace {

constexpr std::string_view k_signature = "x-sluice-signature-256";
constexpr std::string_view k_delivery = "x-sluice-delivery";
/// A first push of a large repository is not a reason to start thousands of runs.
constexpr std::size_t k_max_updates = 1000;
constexpr std::size_t k_max_options = 100;

std::vector<std::string> push_options(Payload& body) {
    std::vector<std::string> out;
    const json::Value* options = body.find("/options");
    if (!options) return out;
    if (!options->is_array()) {
        body.fail("bad_payload /options expected an array");
        return out;
    }
    for (const json::Value& option : options->get_array()) {
        if (out.size() == k_max_options) break;
        if (option.is_string())
            out.push_back(text::sanitize_utf8(std::string_view(option.get_string()), 1024));
    }
    return out;
}

}  // namespace

Result<> GitForge::verify(const RawDelivery& delivery, std::string_view secret) const {
    SLUICE_CHECK(check_headers(delivery, secret, {k_signature, k_delivery}));
    auto signature = header(delivery, k_signature);
    if (!signature) return signature_missing("X-Sluice-Signature-256");
    return verify_hex_hmac(*signature, "sha256=", secret, delivery.body, "X-Sluice-Signature-256");
}

std::string GitForge::delivery_id(const RawDelivery& delivery) const {
    return delivery_id_from(delivery, {k_delivery});
}

Decoded GitForge::decode(const RawDelivery& delivery) const {
    Payload body(delivery);
    if (!body.problem().empty()) return ignore("push", body.problem());
    const json::Value* updates = body.find("/updates");
    if (!updates || !updates->is_array())
        return ignore("push", "bad_payload /updates expected an array");
    const std::size_t count = updates->get_array().size();
    if (count > k_max_updates)
        return ignore("push", "ignored: " + std::to_string(count) +
                                  " refs in one push, the limit is " +
                                  std::to_string(k_max_updates));
    const std::string actor = body.text_or_empty("/pusher");
    const std::vector<std::string> options = push_options(body);

    Decoded decoded;
    decoded.kind = "push";
    std::string why = "ignored: no ref was updated";
    for (std::size_t i = 0; i < count; ++i) {
        const std::string at = "/updates/" + std::to_string(i);
        const std::string ref = body.text(at + "/ref", k_ref_bytes);
        std::string before = body.commit(at + "/old");
        std::string after = body.commit(at + "/new");
        if (!body.problem().empty()) return ignore("push", body.problem());
        DecodedEvent out;
        out.event.actor = actor;
        out.event.options = options;
        std::string nothing = describe_push(out, ref, std::move(before), std::move(after));
        if (nothing.empty()) {
            decoded.events.push_back(std::move(out));
            continue;
        }
        why = std::move(nothing);
    }
    if (decoded.events.empty()) decoded.ignored = std::move(why);
    return decoded;
}

}  // namespace sluice::hooks
