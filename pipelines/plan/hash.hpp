#pragma once
/// SHA-256 of what is planned, as 64 lower-case hex digits: trust hangs on it (an approval is bound
/// to it), so nobody must be able to find a twin. By libsodium, whose hashes need no crypto_init().
/// Pure, any thread.

#include "pipelines/model/spec.hpp"

#include <string>
#include <string_view>

namespace sluice::plan {

struct Plan;

std::string digest256(std::string_view text);
/// digest256 of the canonical JSON (fixed order of members, sorted maps) of jobs and gates.
std::string hash_plan(const Plan& plan);
/// The same of what a job does, everything evaluated: what an approval is bound to.
std::string hash_job(const model::JobSpec& spec);

}  // namespace sluice::plan
