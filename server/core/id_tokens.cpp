#include "server/core/id_tokens.hpp"

#include "platform/crypto.hpp"
#include "server/store/meta.hpp"

#include <fmt/format.h>

namespace sluice::core {

namespace {

/// A part of a subject: no name can pretend to be two parts.
std::string part(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == ':')
            out += "%3A";
        else if (c == '%')
            out += "%25";
        else
            out += c;
    }
    return out;
}

std::string ref_of(const model::Event& event) {
    if (!event.tag.empty()) return "refs/tags/" + event.tag;
    if (event.pull_request && event.kind == model::EventKind::pull_request)
        return fmt::format("pull/{}", event.pull_request->number);
    if (event.queue) return "queue/" + event.queue->target_branch;
    return "refs/heads/" + event.branch;
}

boost::json::string text(std::string_view value) {
    return boost::json::string(value.data(), value.size());
}

}  // namespace

json::Object id_token_claims(const store::Run& run, const model::Event& event,
                             const store::Job& job, const model::JobSpec& spec,
                             std::string_view audience) {
    const std::string environment = spec.environment ? spec.environment->name : "";
    const std::string ref = ref_of(event);
    return {
        {"aud", text(audience)},
        {"sub", text(fmt::format("repo:{}:env:{}:ref:{}", run.project.value, part(environment),
                                 part(ref)))},
        {"project", text(run.project_name)},
        {"project_id", std::to_string(run.project.value)},
        {"ref", text(ref)},
        {"ref_protected", run.tier == model::Tier::t3},
        {"tier", text(to_text(run.tier))},
        {"event", text(run.event_kind)},
        {"environment", text(environment)},
        {"sha", text(run.sha)},
        {"workflow_sha", text(run.sha)},
        {"run_id", std::to_string(run.id.value)},
        {"run_number", std::to_string(run.number)},
        {"job", text(job.key)},
        {"job_id", std::to_string(job.id.value)},
        {"attempt", std::to_string(job.attempts)},
    };
}

Result<std::vector<IdTokens::Held>> IdTokens::load(store::Tx& tx) const {
    std::vector<Held> out;
    const auto sealed = store::get_meta(tx, k_id_token_keys);
    if (!sealed) return out;
    SLUICE_TRY(std::string text, ring_.open(*sealed, k_id_token_context));
    SLUICE_TRY(const json::Value value, json::parse(text));
    crypto::wipe(text);
    for (const auto& item : value.as_array()) {
        json::ObjectReader in(item, "");
        const std::string pem = in.string("pem");
        const Timestamp since{in.integer("since", 0, INT64_MAX)};
        SLUICE_CHECK(in.finish());
        SLUICE_TRY(auto key, identity::SigningKey::from_pem(pem));
        out.push_back({std::move(key), since});
    }
    return out;
}

void IdTokens::save(store::Tx& tx, const std::vector<Held>& keys) const {
    json::Array out;
    for (const Held& held : keys)
        out.push_back(json::Object{{"pem", text(held.key.pem())}, {"since", held.since.ms}});
    std::string plain = json::serialize(out);
    store::set_meta(tx, k_id_token_keys, ring_.seal(plain, k_id_token_context));
    crypto::wipe(plain);
}

Result<> IdTokens::ready() {
    const Timestamp now = clock_.now();
    const auto fresh = [&](const std::vector<Held>& keys) {
        return keys.size() >= 2 && now.ms - keys[0].since.ms < k_key_life.count() &&
               (keys.size() == 2 || now.ms - keys[0].since.ms < k_key_rest.count());
    };
    if (fresh(keys_)) return {};
    // Made outside of the transaction: it takes long, and others wait for the writer.
    const Held spare{identity::SigningKey::make(), now};
    const Held other{keys_.empty() ? identity::SigningKey::make() : spare.key, now};
    auto renew = [&](store::Tx& tx) -> Result<std::vector<Held>> {
        SLUICE_TRY(auto keys, load(tx));
        if (keys.empty()) keys = {other, spare};
        if (now.ms - keys[0].since.ms >= k_key_life.count())
            keys = {{keys[1].key, now}, spare, keys[0]};
        else if (keys.size() > 2 && now.ms - keys[0].since.ms >= k_key_rest.count())
            keys.pop_back();
        save(tx, keys);
        return keys;
    };
    SLUICE_TRY(keys_, writer_.write_blocking(renew));
    return {};
}

Result<std::string> IdTokens::mint(json::Object claims, std::string_view issuer) {
    std::lock_guard lock(mutex_);
    SLUICE_CHECK(ready());
    const std::int64_t now = clock_.now().ms / 1000;
    claims["iss"] = text(issuer);
    claims["iat"] = now;
    claims["nbf"] = now - 5;  // clocks of others are not ours
    claims["exp"] = now + k_life.count() / 1000 - 5;
    claims["jti"] = text(crypto::random_token(16));
    return keys_.front().key.sign(claims);
}

Result<json::Object> IdTokens::jwks() {
    std::lock_guard lock(mutex_);
    SLUICE_CHECK(ready());
    json::Array keys;
    for (const Held& held : keys_) keys.push_back(held.key.jwk());
    return json::Object{{"keys", std::move(keys)}};
}

}  // namespace sluice::core
