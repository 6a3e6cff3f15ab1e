#pragma once
/// The login with which an engine pulls a job's images (`image.auth`). It is a file in memory,
/// never a word of a command line, and is there only while the engine pulls.

#include "agent/executors/container/engine.hpp"
#include "agent/runner/secrets.hpp"

#include <optional>

namespace sluice::agent {

/// `registry.example:5000` of `registry.example:5000/team/app:1`; `docker.io` of a short name.
std::string registry_of(std::string_view image);

/// True for a registry of this machine, which speaks without TLS.
bool is_loopback_registry(std::string_view registry);

/// The file that engines read, from what the secret holds: `USER:PASSWORD`, or that file itself.
/// Refused with `bad_registry_login`.
Result<std::string> login_file(std::string_view registry, std::string_view secret);

class RegistryLogin {
public:
    /// `name` is the attempt's external name.
    static Result<RegistryLogin> make(const std::string& name, std::string_view registry,
                                      std::string_view secret);
    /// What an attempt of that name has left, if anything.
    static Result<> remove_left(const std::string& name);

    /// The call with the login.
    spawn::Command with(spawn::Command command) const;

private:
    explicit RegistryLogin(SecretFiles files) : files_(std::move(files)) {}
    SecretFiles files_;
};

}  // namespace sluice::agent
