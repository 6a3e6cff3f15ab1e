#include "hooks/signature.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

#include <algorithm>

namespace sluice::hooks {

std::optional<std::string_view> header(const RawDelivery& delivery, std::string_view name) {
    auto found = delivery.headers.find(name);
    if (found == delivery.headers.end()) return std::nullopt;
    return std::string_view(found->second);
}

Result<> check_headers(const RawDelivery& delivery, std::string_view secret,
                       std::initializer_list<std::string_view> names) {
    if (secret.empty())
        return error(Code::unauthorized, "hook_disabled",
                     "this project has no webhook secret; set one to accept deliveries");
    for (std::string_view name : names) {
        if (std::find(delivery.duplicates.begin(), delivery.duplicates.end(), name) ==
            delivery.duplicates.end())
            continue;
        return error(Code::invalid, "duplicate_header",
                     "header " + std::string(name) + " was sent more than once", std::string(name));
    }
    return {};
}

Error signature_missing(std::string_view expected_header) {
    return error(Code::unauthorized, "signature_missing",
                 "header " + std::string(expected_header) +
                     " is missing; set the project's webhook secret in the source's hook settings",
                 std::string(expected_header));
}

Error signature_mismatch(std::string_view header_name) {
    return error(Code::unauthorized, "signature_mismatch",
                 "header " + std::string(header_name) +
                     " does not fit the body; compare the secret on both sides",
                 std::string(header_name));
}

Error signature_weak() {
    return error(Code::unauthorized, "signature_weak",
                 "only a SHA-1 signature was sent; the source must send X-Hub-Signature-256",
                 "x-hub-signature");
}

Result<> verify_hex_hmac(std::string_view value, std::string_view prefix, std::string_view secret,
                         std::string_view body, std::string_view header_name) {
    // Computed before the value is looked at, so that the time tells nothing about what was wrong.
    const std::string expected = crypto::hmac_sha256(secret, body);
    if (!value.starts_with(prefix)) return signature_mismatch(header_name);
    auto sent = text::from_hex(value.substr(prefix.size()));
    if (!sent || sent->size() != 32 || !crypto::ct_equal(*sent, expected))
        return signature_mismatch(header_name);
    return {};
}

std::string delivery_id_from(const RawDelivery& delivery,
                             std::initializer_list<std::string_view> names) {
    auto plain = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               c == '.' || c == '_' || c == ':' || c == '-';
    };
    for (std::string_view name : names) {
        auto value = header(delivery, name);
        if (value && !value->empty() && value->size() <= 128 &&
            std::all_of(value->begin(), value->end(), plain))
            return std::string(*value);
    }
    return crypto::sha256_hex(delivery.body);
}

}  // namespace sluice::hooks
