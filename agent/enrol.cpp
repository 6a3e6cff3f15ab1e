#include "agent/enrol.hpp"

#include "agent/server_api.hpp"
#include "agent/version.hpp"
#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

#include <sys/utsname.h>
#include <unistd.h>

namespace sluice::agent {

namespace {

Result<std::string> install_id(const files::Path& dir) {
    files::Path file = dir / "install_id";
    if (Result<std::string> known = files::read_file(file, 256))
        return std::string(text::trim(*known));
    std::string made = crypto::random_token(16);
    SLUICE_CHECK(files::write_atomic(file, made + "\n", 0600));
    return made;
}

Result<std::string> server_url(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    if (url.starts_with("http://") || url.starts_with("https://")) return url;
    return error(Code::invalid, "bad_url",
                 "--server must be an http:// or https:// address, e.g. https://ci.example.com");
}

}  // namespace

Result<Config> enrol(const EnrolOptions& options) {
    SLUICE_TRY(std::string server, server_url(options.server));
    SLUICE_CHECK(files::make_dirs(options.dir, 0700));
    Config config;
    config.server = server;
    if (!options.ca_file.empty()) {
        SLUICE_TRY(std::string pem, files::read_file(options.ca_file, 1 << 20));
        config.ca_file = (std::filesystem::absolute(options.dir) / "ca.pem").string();
        SLUICE_CHECK(files::write_atomic(config.ca_file, pem, 0644));
    }
    utsname machine{};
    ::uname(&machine);
    protocol::RegisterRequest request;
    request.token = options.token;
    SLUICE_TRY(request.install_id, install_id(options.dir));
    request.name = options.name.empty() ? machine.nodename : options.name;
    request.build = k_version;
    request.labels = options.labels;
    request.os = "linux";
    request.arch = machine.machine;
    request.host = machine.nodename;
    request.cpus = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
    AgentApi api({config.server, config.ca_file}, "");
    SLUICE_TRY(protocol::RegisterReply reply, api.enrol(request));
    config.agent = reply.agent;
    config.token = reply.token;
    config.name = reply.name;
    config.labels = reply.labels;
    config.server_id = reply.server_id;
    SLUICE_CHECK(save_config(options.dir, config));
    return config;
}

}  // namespace sluice::agent
