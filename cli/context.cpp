#include "cli/context.hpp"

#include "cli/git.hpp"
#include "cli/json_view.hpp"

#include <cstdlib>
#include <filesystem>

namespace sluice::cli {

std::optional<std::string> environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Context::Context(GlobalOptions options, const Clock& time)
    : globals(std::move(options)),
      clock(time),
      out(stdout, !globals.no_colour),
      err(stderr, !globals.no_colour) {}

files::Path Context::config_file() const {
    return config_path(environment);
}

Result<ApiClient*> Context::api() {
    if (!api_) {
        SessionHints hints;
        hints.data_dir = globals.data;
        hints.url = globals.url;
        hints.env_url = environment("SLUICE_URL");
        hints.env_token = environment("SLUICE_TOKEN");
        hints.ca_file = ca_file();
        hints.config_file = config_file();
        SLUICE_TRY(auto session, find_session(hints));
        http_client::init_client();
        api_ = std::make_unique<ApiClient>(std::move(session));
    }
    return api_.get();
}

std::string Context::ca_file() const {
    std::string named = globals.ca.empty() ? environment("SLUICE_CA").value_or("") : globals.ca;
    return named.empty() ? named : std::filesystem::absolute(named).string();
}

void Context::show(const json::Value& reply, const std::function<void()>& people) const {
    if (globals.json)
        out.write(pretty(reply));
    else
        people();
    out.flush();
}

Progress Context::progress() const {
    return {err, globals.json, clock.steady()};
}

Result<std::string> Context::project_or_detect(const std::string& named) {
    if (!named.empty()) return named;
    auto remotes = git::remote_urls();
    if (remotes.empty())
        return usage_error(
            "say which project: --project NAME (no git checkout with a remote here)");
    SLUICE_TRY(auto* server, api());
    SLUICE_TRY(auto reply, server->get("/api/v1/projects"));
    for (const auto& remote : remotes)
        for (const auto& project : items_of(reply, "projects"))
            if (git::same_repository(text_of(project, "url"), remote))
                return text_of(project, "name");
    return usage_error("say which project: --project NAME (none has the URL " + remotes.front() +
                       ")");
}

}  // namespace sluice::cli
