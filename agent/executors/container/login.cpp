#include "agent/executors/container/login.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/base/text.hpp"
#include "platform/crypto_box.hpp"

namespace sluice::agent {

namespace {

constexpr const char* k_hub = "docker.io";
/// What both engines look for; docker finds it by its folder.
constexpr const char* k_file = "config.json";

std::string memory_name(const std::string& name) {
    return "login of " + name;
}

}  // namespace

std::string registry_of(std::string_view image) {
    const std::size_t slash = image.find('/');
    if (slash == std::string_view::npos) return k_hub;
    const std::string_view first = image.substr(0, slash);
    const bool is_host =
        first == "localhost" || first.find_first_of(".:") != std::string_view::npos;
    return is_host ? std::string(first) : k_hub;
}

bool is_loopback_registry(std::string_view registry) {
    return registry == "localhost" || registry.starts_with("localhost:") ||
           registry.starts_with("127.") || registry.starts_with("[::1]");
}

Result<std::string> login_file(std::string_view registry, std::string_view secret) {
    const std::string_view login = text::trim(secret);
    if (login.starts_with('{')) {
        const auto value = json::parse(login, {.bytes = 1 << 20, .depth = 16});
        const auto* auths =
            value && value->is_object() ? value->as_object().if_contains("auths") : nullptr;
        if (auths != nullptr && auths->is_object()) return std::string(login);
    } else if (login.find(':') != std::string_view::npos &&
               login.find('\n') == std::string_view::npos) {
        const json::Object entry{{"auth", text::to_base64(login)}};
        json::Object auths{{std::string(registry), entry}};
        // The hub's old name, by which docker asks.
        if (registry == k_hub) auths["https://index.docker.io/v1/"] = entry;
        return json::serialize(json::Object{{"auths", std::move(auths)}});
    }
    return error(Code::invalid, "bad_registry_login",
                 "the secret of `image.auth` is neither USER:PASSWORD nor a registry's JSON "
                 "({\"auths\": …})");
}

Result<RegistryLogin> RegistryLogin::make(const std::string& name, std::string_view registry,
                                          std::string_view secret) {
    SLUICE_TRY(std::string text, login_file(registry, secret));
    SLUICE_TRY(SecretFiles files, SecretFiles::make(memory_name(name)));
    const Result<files::Path> written = files.put(k_file, text);
    crypto::wipe(text);
    if (!written) return written.error();
    return RegistryLogin(std::move(files));
}

Result<> RegistryLogin::remove_left(const std::string& name) {
    return SecretFiles::remove_left(memory_name(name));
}

spawn::Command RegistryLogin::with(spawn::Command command) const {
    command.env["REGISTRY_AUTH_FILE"] = (files_.folder() / k_file).string();
    command.env["DOCKER_CONFIG"] = files_.folder().string();
    return command;
}

}  // namespace sluice::agent
