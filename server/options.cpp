#include "server/options.hpp"

#include "server/blobs/s3.hpp"

#include <boost/asio/ip/address.hpp>

#include <CLI/CLI.hpp>

#include <tuple>

namespace sluice::server {

namespace {

std::pair<std::string, std::uint16_t> address_and_port(const std::string& option,
                                                       const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos)
        throw CLI::ValidationError(option, "must be ADDRESS:PORT, e.g. 127.0.0.1:8080");
    const auto number = text.substr(colon + 1);
    if (number.empty() || number.size() > 5 ||
        number.find_first_not_of("0123456789") != std::string::npos || std::stoi(number) > 65535)
        throw CLI::ValidationError(option, "the port must be 0 to 65535");
    return {text.substr(0, colon), static_cast<std::uint16_t>(std::stoi(number))};
}

void check_object_store(Options& options) {
    if (options.blobs.empty()) return;
    if (const auto place = blobs::parse_s3_place(options.blobs); !place)
        throw CLI::ValidationError("--blobs", place.error().message);
    std::string& endpoint = options.s3_endpoint;
    while (endpoint.ends_with('/')) endpoint.pop_back();
    const bool is_web = endpoint.starts_with("http://") || endpoint.starts_with("https://");
    if (!is_web || endpoint.find_first_of("?#@ ") != std::string::npos)
        throw CLI::ValidationError("--s3-endpoint",
                                   "must be http://HOST[:PORT] or https://HOST[:PORT], without "
                                   "credentials in it");
    if (options.s3_region.empty() ||
        options.s3_region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") !=
            std::string::npos)
        throw CLI::ValidationError("--s3-region", "must be a region's name such as us-east-1");
}

}  // namespace

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
    app.add_option("--allow-git-host", options.allowed_git_hosts,
                   "NAME or NAME:PORT of a forge that is reached although its address is private "
                   "or local, * for all; may be repeated");
    app.add_option("--lfs-limit", options.lfs_bytes,
                   "Bytes that the files of one commit in Git LFS may have, e.g. 20G")
        ->transform(CLI::AsSizeValue(false))
        ->default_str("10G");
    auto* cert = app.add_option("--tls-cert", options.tls_certificate,
                                "PEM certificate chain; with --tls-key the server speaks HTTPS")
                     ->check(CLI::ExistingFile);
    auto* key =
        app.add_option("--tls-key", options.tls_key, "PEM private key")->check(CLI::ExistingFile);
    cert->needs(key);
    key->needs(cert);
    std::string hook_listen;
    app.add_option("--hook-listen", hook_listen,
                   "With TLS: ADDRESS:PORT on loopback where sluice-hook of this machine's "
                   "repositories is heard over plain HTTP, for /hooks/git/ alone")
        ->needs(cert);
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
    app.add_option("--secrets-key", options.secrets_key,
                   "File with the keys that secrets are sealed with (mode 0600); default: the "
                   "service manager's credential sluice-secrets-key, else secrets.key in --data");
    auto* blobs =
        app.add_option("--blobs", options.blobs,
                       "s3://BUCKET[/PREFIX]: artifacts, file outputs and caches are kept there "
                       "instead of in --data");
    auto* endpoint = app.add_option("--s3-endpoint", options.s3_endpoint,
                                    "Address of the object store of --blobs, http:// or https://")
                         ->needs(blobs);
    blobs->needs(endpoint);
    app.add_option("--s3-region", options.s3_region, "Region of its bucket")
        ->needs(blobs)
        ->capture_default_str();
    app.add_option(
           "--s3-credentials", options.s3_credentials,
           "File with aws_access_key_id and aws_secret_access_key (mode 0600); default: the "
           "service manager's credential sluice-s3-credentials, else the environment's "
           "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        ->needs(blobs);
    app.add_option("--s3-ca", options.s3_ca,
                   "PEM file with the authority of an https endpoint; default: the system's")
        ->needs(blobs)
        ->check(CLI::ExistingFile);
    app.add_option("--scaler", options.scaler,
                   "Command that starts and stops agents: it gets the counts of waiting jobs and "
                   "idle slots as JSON on its standard input, at each change");
    app.add_option("--scaler-interval", options.scaler_interval,
                   "Seconds after which the scaler is told in any case")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    app.add_option("--cache-limit", options.cache_bytes,
                   "Bytes that the caches of one project may take, e.g. 20G; what was not used for "
                   "longest goes first")
        ->transform(CLI::AsSizeValue(false))
        ->default_str("10G");
    app.add_option("--lease-seconds", options.lease_seconds,
                   "Service time without contact after which a running attempt is given up")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    app.add_option("--unstarted-seconds", options.unstarted_seconds,
                   "Service time after which a lease that no runner started goes back to the queue")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    app.add_option("--hold-room-seconds", options.hold_room_seconds,
                   "Service time after which the agent on which a job will fit first takes nothing "
                   "smaller before it")
        ->check(CLI::Range(0, 86400))
        ->capture_default_str();
    try {
        app.parse(argc, argv);
        std::tie(options.address, options.port) = address_and_port("--listen", listen);
        if (!hook_listen.empty()) {
            options.hook_listen = address_and_port("--hook-listen", hook_listen);
            boost::system::error_code failed;
            const auto address = boost::asio::ip::make_address(options.hook_listen->first, failed);
            if (failed || !address.is_loopback())
                throw CLI::ValidationError("--hook-listen",
                                           "must be a loopback address, e.g. 127.0.0.1:8081: what "
                                           "comes there isn't encrypted");
        }
        check_object_store(options);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    }
    return std::nullopt;
}

}  // namespace sluice::server
