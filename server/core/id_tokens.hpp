#pragma once
/// Short-lived tokens that say to others which job this is (OIDC, threat S36), and the keys that
/// sign them: one signs, its successor is published beside it, its predecessor until nothing that
/// it signed is valid any more (docs/decisions/0023).

#include "pipelines/model/event.hpp"
#include "pipelines/model/spec.hpp"
#include "platform/clock.hpp"
#include "server/identity/signing_key.hpp"
#include "server/secrets/key_ring.hpp"
#include "server/store/jobs.hpp"
#include "server/store/runs.hpp"
#include "server/store/writer.hpp"

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace sluice::core {

/// Where the signing keys lie in the store's facts, sealed.
inline constexpr const char* k_id_token_keys = "id_token_keys";
/// What their ciphertext is bound to.
inline constexpr const char* k_id_token_context = "id token keys";

/// Claims about a running job; `audience` as the pipeline says it. Pure.
json::Object id_token_claims(const store::Run& run, const model::Event& event,
                             const store::Job& job, const model::JobSpec& spec,
                             std::string_view audience);

class IdTokens {
public:
    static constexpr Duration k_life{600'000};
    static constexpr Duration k_key_life{30LL * 24 * 3'600'000};
    /// How long a key is published that signs no more.
    static constexpr Duration k_key_rest{3'600'000};

    IdTokens(store::Writer& writer, const secrets::KeyRing& ring, const Clock& clock)
        : writer_(writer), ring_(ring), clock_(clock) {}

    /// Signs the claims with issuer, times and an id added. Blocking (the first call makes keys): a
    /// pool's thread. Refused when the keys can't be opened.
    Result<std::string> mint(json::Object claims, std::string_view issuer);
    /// `{"keys": [...]}`, at least two. Blocking as mint().
    Result<json::Object> jwks();

private:
    struct Held {
        identity::SigningKey key;
        Timestamp since;  ///< from then on it signs; of the successor: not yet
    };
    /// current, successor, predecessor if it is still needed.
    Result<> ready();
    Result<std::vector<Held>> load(store::Tx& tx) const;
    void save(store::Tx& tx, const std::vector<Held>& keys) const;

    store::Writer& writer_;
    const secrets::KeyRing& ring_;
    const Clock& clock_;
    std::mutex mutex_;
    std::vector<Held> keys_;
};

}  // namespace sluice::core
