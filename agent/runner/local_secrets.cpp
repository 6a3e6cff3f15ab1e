#include "agent/runner/local_secrets.hpp"

#include "platform/crypto_box.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::agent {

namespace {

constexpr std::size_t k_most = 32 << 20;

Result<std::string> read_input() {
    std::string text;
    char piece[16 * 1024];
    ssize_t got = 0;
    while ((got = ::read(STDIN_FILENO, piece, sizeof piece)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 || text.size() > k_most)
            return error(Code::invalid, "bad_secrets", "the secrets can't be read");
        text.append(piece, static_cast<std::size_t>(got));
    }
    ::explicit_bzero(piece, sizeof piece);
    // No step finds them there again.
    if (files::Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC)); nothing)
        ::dup2(nothing.get(), STDIN_FILENO);
    return text;
}

}  // namespace

LocalSecrets::LocalSecrets(const model::JobSpec& spec, protocol::SecretValues values)
    : values_(std::move(values)) {
    const auto need = [&](const std::string& name) {
        if (!name.empty() && !values_.secrets.contains(name) && missing_.empty())
            missing_ = fmt::format(
                "the job needs `{}`: `--secret {}=VARIABLE` takes it from a variable of your "
                "shell, `--secret-file {}=FILE` from a file",
                name, name, name);
    };
    const auto need_all = [&](const std::map<std::string, model::SecretSpec>& secrets) {
        for (const auto& [variable, secret] : secrets)
            if (!secret.optional) need(secret.secret);
    };
    need(spec.image_settings.auth);
    need_all(spec.secrets);
    for (const auto& step : spec.steps) need_all(step.secrets);
    if (missing_.empty() && !spec.id_tokens.empty())
        missing_ = "identity tokens (`id_tokens`) are given by a server alone";
}

Result<LocalSecrets> LocalSecrets::take(const model::JobSpec& spec, bool given) {
    protocol::SecretValues values;
    if (given) {
        SLUICE_TRY(std::string text, read_input());
        auto value = json::parse(text, {.bytes = k_most, .depth = 8});
        crypto::wipe(text);
        if (!value) return value.error();
        SLUICE_TRY(values, protocol::parse_secret_values(*value));
    }
    return LocalSecrets(spec, std::move(values));
}

Result<protocol::SecretValues> LocalSecrets::fetch(bool) {
    if (!missing_.empty()) return error(Code::forbidden, "no_secret", missing_);
    return values_;
}

}  // namespace sluice::agent
