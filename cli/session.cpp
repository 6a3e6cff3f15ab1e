#include "cli/session.hpp"

#include "cli/exit_code.hpp"
#include "cli/json_view.hpp"
#include "pipelines/base/json.hpp"
#include "pipelines/base/text.hpp"

namespace sluice::cli {
namespace {

Result<Session> session_of_data_dir(const files::Path& data) {
    auto text = files::read_file(data / "server.json");
    if (!text)
        return usage_error("no running server has its data in " + data.string() +
                           "; start one with: sluice-server --data " + data.string());
    SLUICE_TRY(auto info, json::parse(*text));
    // `url` is how others reach the server; on this machine the address is surer, but it names no
    // scheme.
    bool tls = text_of(info, "url").starts_with("https://");
    SLUICE_TRY(auto url, normal_url(text_of(info, tls ? "url" : "address")));
    auto token = files::read_file(data / "admin-token");
    if (!token)
        return usage_error("cannot read " + (data / "admin-token").string() + ": " +
                           token.error().message);
    return Session{url, std::string(text::trim(*token)), data.string(), {}};
}

}  // namespace

Result<std::string> normal_url(std::string url) {
    if (url.find("://") == std::string::npos) url = "http://" + url;
    while (!url.empty() && url.back() == '/') url.pop_back();
    auto rest = url.starts_with("http://")    ? url.substr(7)
                : url.starts_with("https://") ? url.substr(8)
                                              : std::string{};
    if (rest.empty() || rest.front() == ':' ||
        rest.find_first_of(" \t\r\n#?@") != std::string::npos)
        return usage_error("'" + url + "' is not the URL of a server; expected something like " +
                           k_default_url);
    return url;
}

Result<Session> find_session(const SessionHints& hints) {
    if (!hints.data_dir.empty()) {
        SLUICE_TRY(auto local, session_of_data_dir(hints.data_dir));
        local.ca_file = hints.ca_file;
        return local;
    }

    Session stored;
    auto text = files::read_file(hints.config_file);
    if (text) {
        auto value = json::parse(*text);
        if (!value)
            return usage_error(hints.config_file.string() + " is damaged (" +
                               value.error().message + "); log in again with: sluice login URL");
        stored = {text_of(*value, "url"), text_of(*value, "token"), hints.config_file.string(),
                  text_of(*value, "ca_file")};
    } else if (text.error().code != Code::not_found) {
        return usage_error(text.error().message);
    }

    Session session{k_default_url, "", "the default address", ""};
    if (!stored.url.empty()) session = stored;
    std::string named = !hints.url.empty() ? hints.url : hints.env_url.value_or("");
    if (!named.empty()) {
        SLUICE_TRY(auto url, normal_url(named));
        // A stored token belongs to the server it was made for and is never shown to another one.
        bool same = url == stored.url;
        session = {url, same ? stored.token : "", hints.url.empty() ? "SLUICE_URL" : "--url",
                   same ? stored.ca_file : ""};
    }
    if (hints.env_token) session.token = *hints.env_token;
    if (!hints.ca_file.empty()) session.ca_file = hints.ca_file;
    return session;
}

files::Path config_path(const std::function<std::optional<std::string>(const char*)>& env) {
    auto base = env("XDG_CONFIG_HOME");
    if (base && !base->empty()) return files::Path(*base) / "sluice" / "config.json";
    return files::Path(env("HOME").value_or("/")) / ".config" / "sluice" / "config.json";
}

Result<> save_session(const files::Path& config_file, const Session& session) {
    SLUICE_CHECK(files::make_dirs(config_file.parent_path(), 0700));
    json::Object stored{{"url", session.url}, {"token", session.token}};
    if (!session.ca_file.empty()) stored["ca_file"] = session.ca_file;
    return files::write_atomic(config_file, pretty(stored), 0600);
}

Result<bool> forget_session(const files::Path& config_file) {
    std::error_code error;
    bool removed = std::filesystem::remove(config_file, error);
    if (error) return usage_error("cannot remove " + config_file.string() + ": " + error.message());
    return removed;
}

}  // namespace sluice::cli
