#pragma once
/// Exit codes of `sluice`, documented in docs/reference/cli.md. Scripts rely on them; never change
/// a number.

#include "pipelines/base/result.hpp"

namespace sluice::cli {

enum class Exit : int {
    ok = 0,
    negative = 1,  ///< the verdict is no: red gate, failed run, errors in `.ci.yml`
    unknown = 2,   ///< no verdict: pending, nothing known about the commit; a local run that could
                   ///< not begin
    usage = 3,     ///< wrong arguments, or a local file that cannot be used
    unreachable = 4,  ///< no answer from the server
    refused = 5,      ///< the server answered, and said no
};

/// Error ids that decide the exit code; every other error came from the server and means `refused`.
inline constexpr const char* k_unreachable = "unreachable";
inline constexpr const char* k_usage = "usage";

/// A mistake of the caller: wrong argument, missing file.
Error usage_error(std::string message);

Exit exit_for(const Error& error);

}  // namespace sluice::cli
