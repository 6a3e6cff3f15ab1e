#include "server/options.hpp"

#include <CLI/CLI.hpp>

namespace sluice::server {

std::optional<int> parse_options(int argc, char** argv, Options& options) {
    CLI::App app{
        "The Sluice CI server.\n\n"
        "  sluice-server --data ./data --embedded-agent      a working CI on this machine\n\n"
        "The first start prints an admin token and keeps it in DATA/admin-token."};
    app.set_version_flag("--version", std::string("sluice-server ") + SLUICE_VERSION);
    std::string listen = "127.0.0.1:8080";
    app.add_option("--data", options.data,
                   "Folder for database, logs and mirrors; created when missing")
        ->required();
    app.add_option("--listen", listen,
                   "ADDRESS:PORT; port 0 takes the last one again when free, else any")
        ->capture_default_str();
    app.add_flag("--embedded-agent", options.embedded_agent,
                 "Start an agent on this machine that belongs to the server");
    app.add_option("--embedded-capacity", options.embedded_capacity,
                   "Jobs at once on the embedded agent")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option(
        "--local-root", options.local_roots,
        "Repositories below this folder are opened in place, without a mirror; may be repeated");
    auto* cert = app.add_option("--tls-cert", options.tls_certificate,
                                "PEM certificate chain; with --tls-key the server speaks HTTPS")
                     ->check(CLI::ExistingFile);
    auto* key =
        app.add_option("--tls-key", options.tls_key, "PEM private key")->check(CLI::ExistingFile);
    cert->needs(key);
    key->needs(cert);
    app.add_option("--public-url", options.public_url,
                   "Address that people and agents use; default from --listen");
    app.add_option("--log-level", options.log_level, "debug, info, warn or error")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
        ->capture_default_str();
    app.add_option("--io-threads", options.io_threads, "Threads for sockets")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_option("--agent-program", options.agent_program,
                   "The sluice-agent to start with --embedded-agent");
    app.add_option("--lease-seconds", options.lease_seconds,
                   "Service time without contact after which a running attempt is given up")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    app.add_option("--unstarted-seconds", options.unstarted_seconds,
                   "Service time after which a lease that no runner started goes back to the queue")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    try {
        app.parse(argc, argv);
        const auto colon = listen.rfind(':');
        if (colon == std::string::npos)
            throw CLI::ValidationError("--listen", "must be ADDRESS:PORT, e.g. 127.0.0.1:8080");
        options.address = listen.substr(0, colon);
        const auto number = listen.substr(colon + 1);
        if (number.empty() || number.size() > 5 ||
            number.find_first_not_of("0123456789") != std::string::npos ||
            std::stoi(number) > 65535)
            throw CLI::ValidationError("--listen", "the port must be 0 to 65535");
        options.port = static_cast<std::uint16_t>(std::stoi(number));
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    }
    return std::nullopt;
}

}  // namespace sluice::server
