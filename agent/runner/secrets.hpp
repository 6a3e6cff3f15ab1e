#pragma once
/// Secrets of one attempt: fetched once after its start, kept in memory, given to the steps that
/// name them, masked in everything that leaves the runner.

#include "agent/runner/redactor.hpp"
#include "agent/runner/step_environment.hpp"
#include "agent/server_api.hpp"
#include "pipelines/model/spec.hpp"
#include "pipelines/protocol/secrets.hpp"

#include <chrono>
#include <memory>
#include <optional>

namespace sluice::agent {

/// True when the job, or a step of it, names a secret or an identity token: then nothing of it runs
/// before the server has confirmed the start.
bool wants_secrets(const model::JobSpec& spec);
/// True when the job, or a step of it, takes a secret as a file.
bool wants_secret_files(const model::JobSpec& spec);

/// Where the values come from.
class Secrets {
public:
    virtual ~Secrets() = default;
    /// Blocking, runner's thread, after the start was confirmed. Refused for good: the attempt ends
    /// with the message.
    /// `only_tokens`: fresh identity tokens, without much patience.
    virtual Result<protocol::SecretValues> fetch(bool only_tokens) = 0;
};

/// From the server, sealed to a key that is made for the call.
class ServerSecrets final : public Secrets {
public:
    ServerSecrets(ServerAddress server, AttemptId attempt, std::string lease_token,
                  std::string instance);
    Result<protocol::SecretValues> fetch(bool only_tokens) override;

private:
    AttemptApi api_;
    std::string instance_;
};

/// Files that hold secrets: on a memory file system, in a folder of mode 0700 that is removed at
/// the end, and by salvage (its name comes from the attempt's marker).
class SecretFiles {
public:
    /// Refused with id `no_memory_files` where no memory file system can be written to.
    static Result<SecretFiles> make(const std::string& marker);
    /// What an attempt with that marker has left, if anything.
    static Result<> remove_left(const std::string& marker);
    SecretFiles(SecretFiles&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
    SecretFiles& operator=(SecretFiles&&) = delete;
    ~SecretFiles();

    /// The path of a file of that mode with those bytes.
    Result<files::Path> put(const std::string& name, std::string_view bytes, mode_t mode = 0600);
    const files::Path& folder() const { return folder_; }

private:
    explicit SecretFiles(files::Path folder) : folder_(std::move(folder)) {}
    files::Path folder_;
};

/// The values and what steps get of them. One thread.
class AttemptSecrets {
public:
    explicit AttemptSecrets(std::string marker) : marker_(std::move(marker)) {}
    AttemptSecrets(const AttemptSecrets&) = delete;
    AttemptSecrets& operator=(const AttemptSecrets&) = delete;
    ~AttemptSecrets();

    /// Takes the values; `redactor` masks them from here on.
    void take(protocol::SecretValues values, Redactor& redactor);
    /// Identity tokens live for ten minutes: a step that begins later than some of them gets fresh
    /// ones.
    bool tokens_are_old() const;
    void take_tokens(std::map<std::string, std::string> tokens, Redactor& redactor);
    /// Adds the variables of a step: those of the job, then its own. Refused with what is missing.
    /// `inside`: the folder of files as the step sees it; "" = where it is.
    Result<> put(const model::JobSpec& job, const model::StepSpec& step, Environment& env,
                 const files::Path& inside);
    /// What the secret of that name holds; "" when it was not given.
    std::string value(const std::string& name) const;
    /// Makes the folder of files; `shared`: for a container, whose users are not this one. Its
    /// path.
    Result<files::Path> open_files(bool shared);
    /// Removes the files.
    void end() { files_.reset(); }

private:
    Result<> put(const std::map<std::string, model::SecretSpec>& wanted, Environment& env,
                 const files::Path& inside);

    std::string marker_;
    protocol::SecretValues values_;
    std::chrono::steady_clock::time_point tokens_at_;
    std::optional<SecretFiles> files_;
    bool shared_ = false;
    std::map<std::string, files::Path> written_;
};

}  // namespace sluice::agent
