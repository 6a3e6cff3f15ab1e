#include "cli/local/given_secrets.hpp"

#include "cli/context.hpp"
#include "cli/exit_code.hpp"
#include "cli/secret_text.hpp"
#include "cli/term/text.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/config/schema.hpp"
#include "platform/crypto_box.hpp"

#include <fmt/format.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::cli::local {

namespace {

std::string variable_of(std::string_view name) {
    std::string out;
    for (const char c : name) {
        const bool lower = c >= 'a' && c <= 'z';
        const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        out += lower ? static_cast<char>(c - 'a' + 'A') : kept ? c : '_';
    }
    return out;
}

Result<> add(protocol::SecretValues& out, const std::string& name, std::string value) {
    if (auto bad = config::check_scalar(config::Scalar::secret, name, ""))
        return usage_error(fmt::format("'{}': {}; {}", printable(name), bad->message, bad->hint));
    value = without_line_end(std::move(value));
    if (value.size() > protocol::k_secret_max || text::trim(value).size() < protocol::k_secret_min)
        return usage_error(
            fmt::format("secret {}: a value has 8 bytes to 64 KiB; a shorter one can't be masked",
                        printable(name)));
    if (!out.secrets.emplace(name, std::move(value)).second)
        return usage_error(fmt::format("secret {} is given twice", printable(name)));
    return {};
}

}  // namespace

Result<protocol::SecretValues> read_secrets(const std::vector<std::string>& from_variables,
                                            const std::vector<std::string>& from_files) {
    protocol::SecretValues out;
    for (const std::string& word : from_variables) {
        const std::size_t equals = word.find('=');
        const std::string name = word.substr(0, equals);
        const std::string variable =
            equals == std::string::npos ? variable_of(name) : word.substr(equals + 1);
        auto value = environment(variable.c_str());
        if (!value)
            return usage_error(fmt::format(
                "--secret {}: there is no variable {}; --secret names one, and never the value",
                printable(name), printable(variable)));
        SLUICE_CHECK(add(out, name, std::move(*value)));
    }
    for (const std::string& word : from_files) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos)
            return usage_error(fmt::format("--secret-file {}: say NAME=FILE", printable(word)));
        auto text = files::read_file(word.substr(equals + 1), protocol::k_secret_max + 1);
        if (!text)
            return usage_error(
                fmt::format("--secret-file {}: {}", printable(word), text.error().message));
        SLUICE_CHECK(add(out, word.substr(0, equals), std::move(*text)));
    }
    return out;
}

std::vector<std::string> secret_names(const model::JobSpec& spec) {
    std::vector<std::string> out;
    if (!spec.image_settings.auth.empty()) out.push_back(spec.image_settings.auth);
    const auto add_all = [&](const std::map<std::string, model::SecretSpec>& secrets) {
        for (const auto& [variable, secret] : secrets) out.push_back(secret.secret);
    };
    add_all(spec.secrets);
    for (const auto& step : spec.steps) add_all(step.secrets);
    return out;
}

protocol::SecretValues secrets_for(const model::JobSpec& spec,
                                   const protocol::SecretValues& given) {
    protocol::SecretValues out;
    for (const std::string& name : secret_names(spec))
        if (const auto found = given.secrets.find(name); found != given.secrets.end())
            out.secrets.insert(*found);
    return out;
}

Result<files::Fd> in_memory(const protocol::SecretValues& values) {
    files::Fd fd(::memfd_create("secrets", MFD_CLOEXEC));
    std::string text = json::serialize(to_json(values));
    const bool written =
        fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::lseek(fd.get(), 0, SEEK_SET) == 0;
    const int failed = errno;
    crypto::wipe(text);
    if (written) return fd;
    return error(Code::unavailable, "no_memory_file",
                 fmt::format("secrets can't be handed over: {}", std::strerror(failed)));
}

}  // namespace sluice::cli::local
