#pragma once
/// `POST /agent/v1/attempts/{id}/secrets` with the lease's token, after start: SecretsRequest → 200
/// SecretsReply; 409 `not_started` unless that runner instance has started the attempt, 403
/// `secret_denied`. What the box holds is SecretValues as JSON.

#include "pipelines/base/json.hpp"
#include "pipelines/base/result.hpp"

#include <map>
#include <string>

namespace sluice::protocol {

/// A value has at most so many bytes; shorter ones than the least can't be masked.
inline constexpr std::size_t k_secret_max = 64 * 1024;
inline constexpr std::size_t k_secret_min = 8;

struct SecretsRequest {
    std::string runner_instance;
    std::string public_key;    ///< raw 32 bytes (base64 on the wire), made for this call alone
    bool only_tokens = false;  ///< fresh identity tokens: theirs is a short life
};

struct SecretsReply {
    std::string box;  ///< raw bytes (base64 on the wire), sealed to the public key
};

struct SecretValues {
    std::map<std::string, std::string> secrets;    ///< by `path/name`; any bytes
    std::map<std::string, std::string> id_tokens;  ///< by variable
};

json::Value to_json(const SecretsRequest& value);
Result<SecretsRequest> parse_secrets(const json::Value& value);
json::Value to_json(const SecretsReply& value);
Result<SecretsReply> parse_secrets_reply(const json::Value& value);
json::Value to_json(const SecretValues& value);
Result<SecretValues> parse_secret_values(const json::Value& value);

}  // namespace sluice::protocol
