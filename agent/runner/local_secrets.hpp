#pragma once
/// Secrets of a local run: what its caller was given by the person, handed over in memory.

#include "agent/runner/secrets.hpp"

namespace sluice::agent {

class LocalSecrets final : public Secrets {
public:
    /// `given`: standard input holds protocol::SecretValues, which are read to their end now; it is
    /// empty afterwards.
    static Result<LocalSecrets> take(const model::JobSpec& spec, bool given);

    /// Refused with what the person has to give.
    Result<protocol::SecretValues> fetch(bool only_tokens) override;

private:
    LocalSecrets(const model::JobSpec& spec, protocol::SecretValues values);
    std::string missing_;
    protocol::SecretValues values_;
};

}  // namespace sluice::agent
