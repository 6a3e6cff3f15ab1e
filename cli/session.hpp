#pragma once
/// Which server to talk to, with which token, and where that was found. Blocking file access, one
/// thread.

#include "pipelines/base/result.hpp"
#include "platform/files.hpp"

#include <functional>
#include <optional>
#include <string>

namespace sluice::cli {

struct Session {
    std::string url;      ///< no trailing slash
    std::string token;    ///< "" = none known
    std::string source;   ///< for people: `SLUICE_URL`, a path …
    std::string ca_file;  ///< PEM: the only authority to trust; "" = the system's
};

/// What the caller said, strongest first: --data, --url, environment, `sluice login`, the default
/// address.
struct SessionHints {
    std::string data_dir;  ///< --data: a server's folder on this machine
    std::string url;       ///< --url
    std::optional<std::string> env_url;
    std::optional<std::string> env_token;
    std::string ca_file;  ///< --ca or SLUICE_CA
    files::Path config_file;
};

inline constexpr const char* k_default_url = "http://127.0.0.1:8080";

/// Refused (usage) when --data holds no running server's files or the configuration can't be read.
Result<Session> find_session(const SessionHints& hints);

/// $XDG_CONFIG_HOME/sluice/config.json, else $HOME/.config/sluice/config.json. `env` looks up a
/// variable.
files::Path config_path(const std::function<std::optional<std::string>(const char*)>& env);

/// Stores the session with mode 0600.
Result<> save_session(const files::Path& config_file, const Session& session);
/// True when there was one.
Result<bool> forget_session(const files::Path& config_file);

/// `host:port` gets `http://`, trailing slashes go; refused when it isn't an http(s) URL with a
/// host.
Result<std::string> normal_url(std::string url);

}  // namespace sluice::cli
