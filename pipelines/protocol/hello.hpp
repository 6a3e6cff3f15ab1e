#pragma once
/// `POST /agent/v1/hello` with the agent's token, when a daemon begins: HelloRequest → 200
/// HelloReply; 426 `upgrade_required` when the server speaks another protocol, with a text that
/// says what to do.

#include "pipelines/base/json.hpp"
#include "pipelines/base/result.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace sluice::protocol {

/// Of the machine, for people.
struct HostFacts {
    std::string os;      ///< `Debian GNU/Linux 12 (bookworm)`
    std::string kernel;  ///< `6.1.0-18-amd64`
    std::string cpu;     ///< model; "" = unknown
    std::int64_t cpus = 0;
    std::int64_t memory = 0;                        ///< bytes
    std::int64_t disk = 0;                          ///< bytes of the volume of the agent's folder
    std::int64_t disk_free = 0;                     ///< when the daemon began
    std::map<std::string, std::string> versions{};  ///< of programs that jobs meet: `podman`
    bool operator==(const HostFacts&) const = default;
};

struct HelloRequest {
    int protocol = 0;
    std::string build;
    HostFacts facts;
};

struct HelloReply {
    std::string name;    ///< of the agent
    std::string server;  ///< version text
};

json::Value to_json(const HostFacts& value);
Result<HostFacts> host_facts_from_json(const json::Value& value, std::string pointer);
json::Value to_json(const HelloRequest& value);
/// Members of another protocol's request are not refused: its version is.
Result<HelloRequest> parse_hello(const json::Value& value);
json::Value to_json(const HelloReply& value);
Result<HelloReply> parse_hello_reply(const json::Value& value);

}  // namespace sluice::protocol
