#pragma once
/// What every command gets: options that hold for all of them, the terminal, the clock, the server.
/// One thread.

#include "cli/api_client.hpp"
#include "cli/exit_code.hpp"
#include "cli/session.hpp"
#include "cli/term/progress.hpp"
#include "cli/term/table.hpp"
#include "cli/term/terminal.hpp"
#include "platform/clock.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace sluice::cli {

struct GlobalOptions {
    std::string url;   ///< --url
    std::string data;  ///< --data
    std::string ca;    ///< --ca
    bool json = false;
    bool no_colour = false;
};

class Context {
public:
    Context(GlobalOptions options, const Clock& time);

    const GlobalOptions globals;
    const Clock& clock;
    const Terminal out;  ///< stdout: results
    const Terminal err;  ///< stderr: progress and errors

    /// The server of this call; resolved and connected at first use.
    Result<ApiClient*> api();
    files::Path config_file() const;
    /// PEM file of the authority to trust, from --ca or SLUICE_CA, absolute; "" = none named.
    std::string ca_file() const;

    /// With --json the reply as it came, else what `people` prints.
    void show(const json::Value& reply, const std::function<void()>& people) const;
    /// Shows that a wait goes on (stderr; nothing with --json).
    Progress progress() const;
    /// The project that was named, else the one whose repository this git checkout came from.
    Result<std::string> project_or_detect(const std::string& named);

private:
    std::unique_ptr<ApiClient> api_;
};

/// What a subcommand does once the arguments were read.
using Command = std::function<Result<Exit>(Context&)>;

/// An environment variable, or nothing when unset.
std::optional<std::string> environment(const char* name);

}  // namespace sluice::cli
