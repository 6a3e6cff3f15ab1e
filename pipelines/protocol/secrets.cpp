#include "pipelines/protocol/secrets.hpp"

#include "pipelines/base/text.hpp"

namespace sluice::protocol {

namespace {

constexpr std::size_t k_box_max = 16 << 20;
constexpr std::size_t k_values_max = 512;

boost::json::string base64(const std::string& bytes) {
    return boost::json::string(text::to_base64(bytes));
}

std::string bytes(json::ObjectReader& in, std::string_view key, std::size_t max) {
    auto decoded = text::from_base64(in.string(key, max / 3 * 4 + 8));
    if (!decoded) in.fail(key, "must be base64");
    return decoded.value_or("");
}

}  // namespace

json::Value to_json(const SecretsRequest& value) {
    return json::Object{{"runner_instance", boost::json::string(value.runner_instance)},
                        {"public_key", base64(value.public_key)},
                        {"only_tokens", value.only_tokens}};
}

Result<SecretsRequest> parse_secrets(const json::Value& value) {
    json::ObjectReader in(value, "");
    SecretsRequest out;
    out.runner_instance = in.string("runner_instance", 256);
    out.public_key = bytes(in, "public_key", 64);
    out.only_tokens = in.boolean_or("only_tokens", false);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const SecretsReply& value) {
    return json::Object{{"box", base64(value.box)}};
}

Result<SecretsReply> parse_secrets_reply(const json::Value& value) {
    json::ObjectReader in(value, "");
    SecretsReply out;
    out.box = bytes(in, "box", k_box_max);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const SecretValues& value) {
    json::Object secrets, tokens;
    for (const auto& [name, secret] : value.secrets) secrets[name] = base64(secret);
    for (const auto& [name, token] : value.id_tokens) tokens[name] = boost::json::string(token);
    return json::Object{{"secrets", std::move(secrets)}, {"id_tokens", std::move(tokens)}};
}

Result<SecretValues> parse_secret_values(const json::Value& value) {
    json::ObjectReader in(value, "");
    SecretValues out;
    out.id_tokens = in.string_map_or_empty("id_tokens", k_values_max);
    for (const auto& [name, encoded] : in.string_map_or_empty("secrets", k_values_max)) {
        auto decoded = text::from_base64(encoded);
        if (!decoded) in.fail("secrets", "must hold base64");
        out.secrets[name] = decoded.value_or("");
    }
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::protocol
