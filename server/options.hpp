#pragma once
/// The command line of sluice-server.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::server {

struct Options {
    std::string data;  ///< folder of everything the server keeps
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;  ///< 0 = the port of the last start when it is free, else any
    bool embedded_agent = false;
    int embedded_capacity = 2;
    std::vector<std::string> local_roots;
    /// Hosts that git may reach although their address is private; as git::Options.
    std::vector<std::string> allowed_git_hosts;
    std::uint64_t lfs_bytes = 10ULL << 30;  ///< of the files of one commit in Git LFS
    std::string tls_certificate, tls_key;
    /// With TLS: plain HTTP on loopback for sluice-hook, which knows no TLS. Port 0 = as `port`.
    std::optional<std::pair<std::string, std::uint16_t>> hook_listen;
    std::string public_url;  ///< how people reach the server; default from the address
    std::string log_level = "info";
    int io_threads = 2;
    std::string agent_program;  ///< default: sluice-agent beside this program
    std::string secrets_key;    ///< default: a credential, or secrets.key in `data`
    std::string blobs;          ///< s3://BUCKET[/PREFIX]; "" = files in `data`
    std::string s3_endpoint, s3_region = "us-east-1";
    std::string s3_credentials;               ///< a file; default: a credential, or the environment
    std::string s3_ca;                        ///< default: the system's authorities
    std::string scaler;                       ///< command for sh -c; "" = none
    int scaler_interval = 10;                 ///< seconds
    std::uint64_t cache_bytes = 10ULL << 30;  ///< of each project's caches, as stored
    int lease_seconds = 60;
    int unstarted_seconds = 30;
    int hold_room_seconds = 60;
};

/// Parses argv. Returns the exit code instead when the program shall end (help, version, wrong
/// usage).
std::optional<int> parse_options(int argc, char** argv, Options& options);

}  // namespace sluice::server
