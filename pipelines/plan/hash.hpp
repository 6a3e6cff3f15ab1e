#pragma once
/// A stable 128-bit digest of a text, as 32 hex digits. Pure, any thread.
///
/// Two FNV-1a hashes of 64 bits with different offset bases, each finished by the mixing of
/// SplitMix64. It tells plans apart by accident, not against somebody who searches for a twin:
/// where trust hangs on it (an approval), the server hashes the same canonical JSON with SHA-256,
/// which the kernel has no library for.

#include <string>
#include <string_view>

namespace sluice::plan {

struct Plan;

std::string digest128(std::string_view text);
/// digest128 of the canonical JSON (fixed order of members, sorted maps) of jobs and gates.
std::string hash_plan(const Plan& plan);

}  // namespace sluice::plan
