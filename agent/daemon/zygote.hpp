#pragma once
/// The zygote (rule 2): a small process with all libraries loaded that forks one runner per attempt
/// on request, because exec of a program with our libraries costs 13-18 ms and a fork of this one
/// under 1 ms.
///
/// It talks over SOCK_SEQPACKET on its standard input: first it sends its build, then each request
/// is one packet `R<dir>` (run) or `S<dir>` (salvage), and each answer one packet: the pid in
/// decimal with the pidfd attached, or
/// `!` and a reason. End of file ends it; its children live on.

#include "platform/files.hpp"

#include <string>

namespace sluice::agent {

inline constexpr std::size_t k_zygote_packet_max = 8192;

/// Identifies the running image: an upgraded daemon never uses a zygote of another build.
std::string image_identity();

/// The body of `sluice-agent zygote`. Returns the exit code in the zygote; never returns in a
/// child.
int run_zygote();

}  // namespace sluice::agent
