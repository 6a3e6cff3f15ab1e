#include "cli/hook_server.hpp"

#include "cli/exit_code.hpp"

namespace sluice::cli {

Result<std::string> hook_listener(const std::string& url) {
    std::string rest = url;
    if (rest.starts_with("https://"))
        return usage_error(
            "sluice-hook speaks plain HTTP only, and the server has no listener for it: start it "
            "with "
            "--hook-listen 127.0.0.1:PORT");
    if (rest.starts_with("http://")) rest = rest.substr(7);
    if (rest.find('/') != std::string::npos)
        return usage_error("sluice-hook needs host:port, and " + url +
                           " has a path; use --listener HOST:PORT");
    bool has_port = rest.find(':', rest.starts_with("[") ? rest.find(']') : 0) != std::string::npos;
    if (rest.empty() || rest.front() == ':') return usage_error("no host in '" + url + "'");
    return has_port ? rest : rest + ":80";
}

}  // namespace sluice::cli
