#pragma once
/// What the sources have in common when they prove who sent a delivery. Pure, any thread.

#include "hooks/event.hpp"

#include <initializer_list>
#include <string_view>

namespace sluice::hooks {

/// The header's value, or nothing.
std::optional<std::string_view> header(const RawDelivery& delivery, std::string_view name);

/// Refuses an empty secret (`hook_disabled`) and a name of `names` that was sent twice
/// (`duplicate_header`): two signatures, events or delivery ids would let the verified one differ
/// from the one that is used.
Result<> check_headers(const RawDelivery& delivery, std::string_view secret,
                       std::initializer_list<std::string_view> names);

/// `value` is `prefix` and then 64 hex digits of HMAC-SHA-256(secret, body). Compares the 32
/// decoded bytes in constant time. Errors: `signature_mismatch`, also for a malformed value.
Result<> verify_hex_hmac(std::string_view value, std::string_view prefix, std::string_view secret,
                         std::string_view body, std::string_view header_name);

/// `signature_missing`; the message names the header that was expected.
Error signature_missing(std::string_view expected_header);
/// `signature_mismatch`; says where to look, not what was computed.
Error signature_mismatch(std::string_view header_name);
/// `signature_weak`: only HMAC-SHA-1 was sent.
Error signature_weak();

/// The first of the headers whose value is 1 … 128 characters of [A-Za-z0-9._:-], else the SHA-256
/// of the body in hex.
std::string delivery_id_from(const RawDelivery& delivery,
                             std::initializer_list<std::string_view> names);

}  // namespace sluice::hooks
