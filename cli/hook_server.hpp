#pragma once
/// Where sluice-hook sends to. Pure.

#include "pipelines/base/result.hpp"

#include <string>

namespace sluice::cli {

/// `host:port` of the server's URL, or of text that is one already. Refused for https and for a URL
/// with a path: the hook is libc only and speaks plain HTTP to a listener on the same machine or in
/// the same trusted network.
Result<std::string> hook_listener(const std::string& url);

}  // namespace sluice::cli
