#pragma once
/// RS256, as clouds verify it: a key, its public half as a JWK, and signed tokens (JWT). Pure but
/// for the randomness of a new key. Any thread.

#include "pipelines/base/json.hpp"
#include "pipelines/base/result.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace sluice::identity {

class SigningKey {
public:
    /// A new RSA key of 2048 bits; some 100 ms of CPU.
    static SigningKey make();
    /// Refused with id `bad_signing_key`.
    static Result<SigningKey> from_pem(std::string_view pem);

    std::string pem() const;
    /// The digest of the public half (RFC 7638): who has the key knows its id.
    const std::string& id() const { return id_; }
    /// `{kty, use, alg, kid, n, e}`.
    json::Object jwk() const;
    /// HEADER.CLAIMS.SIGNATURE.
    std::string sign(const json::Object& claims) const;

private:
    struct Impl;
    explicit SigningKey(std::shared_ptr<const Impl> impl);

    std::shared_ptr<const Impl> impl_;
    std::string id_;
};

}  // namespace sluice::identity
