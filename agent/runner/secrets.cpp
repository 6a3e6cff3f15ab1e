#include "agent/runner/secrets.hpp"

#include "agent/backoff.hpp"
#include "platform/crypto.hpp"
#include "platform/crypto_box.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

namespace sluice::agent {

namespace {

/// A server that restarts is waited for; nothing of the job runs meanwhile.
constexpr Duration k_patience{300'000};
constexpr Duration k_token_patience{20'000};
constexpr std::chrono::minutes k_tokens_fresh{2};
constexpr const char* k_shared = "shared";
constexpr const char* k_memory_folders[] = {"/dev/shm", "/run"};

bool is_in_memory(const files::Path& folder) {
    struct statfs status {};
    return ::statfs(folder.c_str(), &status) == 0 &&
           (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

std::string folder_name(const std::string& marker) {
    return "sluice-secrets-" + crypto::sha256_hex(marker).substr(0, 24);
}

}  // namespace

bool wants_secrets(const model::JobSpec& spec) {
    return !spec.secrets.empty() || !spec.id_tokens.empty() || !spec.image_settings.auth.empty() ||
           std::any_of(spec.steps.begin(), spec.steps.end(),
                       [](const auto& step) { return !step.secrets.empty(); });
}

bool wants_secret_files(const model::JobSpec& spec) {
    const auto any = [](const std::map<std::string, model::SecretSpec>& secrets) {
        return std::any_of(secrets.begin(), secrets.end(),
                           [](const auto& secret) { return secret.second.as_file; });
    };
    return any(spec.secrets) || std::any_of(spec.steps.begin(), spec.steps.end(),
                                            [&](const auto& step) { return any(step.secrets); });
}

ServerSecrets::ServerSecrets(ServerAddress server, AttemptId attempt, std::string lease_token,
                             std::string instance)
    : api_(std::move(server), attempt, std::move(lease_token)), instance_(std::move(instance)) {}

Result<protocol::SecretValues> ServerSecrets::fetch(bool only_tokens) {
    const crypto::SealedBox box;
    Backoff backoff;
    const auto until =
        std::chrono::steady_clock::now() + (only_tokens ? k_token_patience : k_patience);
    while (true) {
        auto reply = api_.secrets({instance_, box.public_key(), only_tokens});
        if (!reply && is_transient(reply.error()) && std::chrono::steady_clock::now() < until) {
            std::this_thread::sleep_for(backoff.next());
            continue;
        }
        if (!reply) return reply.error();
        SLUICE_TRY(std::string text, box.open(reply->box));
        auto value = json::parse(text, {.bytes = 32 << 20, .depth = 8});
        crypto::wipe(text);
        if (!value) return value.error();
        return protocol::parse_secret_values(*value);
    }
}

Result<SecretFiles> SecretFiles::make(const std::string& marker) {
    for (const char* place : k_memory_folders) {
        if (!is_in_memory(place) || ::access(place, W_OK) != 0) continue;
        const files::Path folder = files::Path(place) / folder_name(marker);
        if (::mkdir(folder.c_str(), 0700) == 0) return SecretFiles(folder);
    }
    return error(Code::unsupported, "no_memory_files",
                 "secrets as files need a memory file system (/dev/shm), which this agent has not; "
                 "they are never written to a disk");
}

Result<> SecretFiles::remove_left(const std::string& marker) {
    Result<> all;
    for (const char* place : k_memory_folders)
        if (Result<> removed = files::remove_tree(files::Path(place) / folder_name(marker));
            !removed && all)
            all = std::move(removed);
    return all;
}

SecretFiles::~SecretFiles() {
    if (!folder_.empty()) (void)files::remove_tree(folder_);
}

Result<files::Path> SecretFiles::put(const std::string& name, std::string_view bytes, mode_t mode) {
    const files::Path path = folder_ / name;
    SLUICE_TRY(files::Fd file, files::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    SLUICE_CHECK(files::write_at(file.get(), bytes, 0));
    // Whatever the umask is; not by its name.
    if (::fchmod(file.get(), mode) != 0) return files::errno_error(errno, path.string());
    return path;
}

AttemptSecrets::~AttemptSecrets() {
    for (auto& [name, value] : values_.secrets) crypto::wipe(value);
    for (auto& [name, value] : values_.id_tokens) crypto::wipe(value);
}

void AttemptSecrets::take(protocol::SecretValues values, Redactor& redactor) {
    values_ = std::move(values);
    for (const auto& [name, value] : values_.secrets) redactor.add(forms_of(value));
    take_tokens(std::move(values_.id_tokens), redactor);
}

bool AttemptSecrets::tokens_are_old() const {
    return !values_.id_tokens.empty() &&
           std::chrono::steady_clock::now() - tokens_at_ > k_tokens_fresh;
}

void AttemptSecrets::take_tokens(std::map<std::string, std::string> tokens, Redactor& redactor) {
    values_.id_tokens = std::move(tokens);
    tokens_at_ = std::chrono::steady_clock::now();
    for (const auto& [name, value] : values_.id_tokens) redactor.add(forms_of(value));
}

std::string AttemptSecrets::value(const std::string& name) const {
    const auto found = values_.secrets.find(name);
    return found == values_.secrets.end() ? "" : found->second;
}

Result<files::Path> AttemptSecrets::open_files(bool shared) {
    if (!files_) {
        SLUICE_TRY(SecretFiles made, SecretFiles::make(marker_));
        files_.emplace(std::move(made));
        shared_ = shared;
    }
    if (!shared_) return files_->folder();
    // The folder above lets nobody else in; a container sees this one alone.
    const files::Path inner = files_->folder() / k_shared;
    SLUICE_CHECK(files::make_dirs(inner, 0755));
    ::chmod(inner.c_str(), 0755);
    return inner;
}

Result<> AttemptSecrets::put(const std::map<std::string, model::SecretSpec>& wanted,
                             Environment& env, const files::Path& inside) {
    for (const auto& [variable, secret] : wanted) {
        const auto value = values_.secrets.find(secret.secret);
        if (value == values_.secrets.end()) {
            if (secret.optional) continue;
            return error(Code::forbidden, "secret_denied",
                         fmt::format("secret `{}` was not given", secret.secret));
        }
        if (!secret.as_file) {
            if (value->second.find('\0') != std::string::npos)
                return error(Code::invalid, "secret_binary",
                             fmt::format("secret `{}` has a zero byte, which no variable can hold; "
                                         "take it `as: file`",
                                         secret.secret));
            env[variable] = value->second;
            continue;
        }
        if (!written_.contains(secret.secret)) {
            SLUICE_CHECK(open_files(false));
            const std::string name = std::to_string(written_.size() + 1);
            const files::Path place = shared_ ? files::Path(k_shared) / name : files::Path(name);
            SLUICE_TRY(written_[secret.secret],
                       files_->put(place, value->second, shared_ ? 0444 : 0600));
        }
        const files::Path& path = written_[secret.secret];
        env[variable] = (inside.empty() ? path : inside / path.filename()).string();
    }
    return {};
}

Result<> AttemptSecrets::put(const model::JobSpec& job, const model::StepSpec& step,
                             Environment& env, const files::Path& inside) {
    SLUICE_CHECK(put(job.secrets, env, inside));
    for (const auto& [variable, audience] : job.id_tokens)
        if (const auto token = values_.id_tokens.find(variable); token != values_.id_tokens.end())
            env[variable] = token->second;
    return put(step.secrets, env, inside);
}

}  // namespace sluice::agent
