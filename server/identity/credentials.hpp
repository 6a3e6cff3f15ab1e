#pragma once
/// What a request says about who sends it: header and cookie forms of the four token schemes. Pure.

#include "pipelines/base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sluice::identity {

/// The token of `Authorization: <scheme> <token>`. Errors (401): `credentials_missing`,
/// `wrong_scheme`, `bad_token`.
Result<std::string> authorization_token(std::string_view header, std::string_view scheme);
/// The value of a cookie, or nothing.
std::optional<std::string> cookie(std::string_view header, std::string_view name);
/// What the store keeps of a token: SHA-256 in hex.
std::string token_hash(std::string_view token);

}  // namespace sluice::identity
