#include "server/core/statuses.hpp"

#include "platform/http_client.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

namespace {

using hooks::StatusState;
using model::JobState;

StatusState state_of(const Verdict& verdict) {
    if (verdict.color == Color::pending) return StatusState::pending;
    if (verdict.color == Color::green) {
        const bool warned =
            std::any_of(verdict.checks.begin(), verdict.checks.end(),
                        [](const GateCheck& check) { return check.state == "warned"; });
        return warned ? StatusState::warned : StatusState::passed;
    }
    // An error is about the machinery or the file; as soon as one check says something about the
    // change, it failed.
    bool errored = false;
    for (const auto& check : verdict.checks) {
        if (check.color != Color::red) continue;
        if (check.state != "errored") return StatusState::failed;
        errored = true;
    }
    return errored ? StatusState::errored : StatusState::failed;
}

StatusState state_of(JobState state) {
    switch (state) {
        case JobState::waiting:
        case JobState::held:
        case JobState::ready: return StatusState::pending;
        case JobState::running: return StatusState::running;
        case JobState::passed:
        case JobState::not_selected: return StatusState::passed;
        case JobState::warned: return StatusState::warned;
        case JobState::failed:
        case JobState::blocked: return StatusState::failed;
        case JobState::errored: return StatusState::errored;
        case JobState::cancelled: return StatusState::cancelled;
    }
    return StatusState::errored;
}

}  // namespace

std::vector<hooks::Status> statuses_of(const Verdict& verdict, const std::string& project,
                                       const std::string& public_url, bool with_jobs) {
    std::vector<hooks::Status> out;
    out.push_back({state_of(verdict), verdict.sha, k_gate_context, verdict.summary,
                   fmt::format("{}/gate/{}?branch={}&sha={}", public_url,
                               http_client::percent_encode(project),
                               http_client::percent_encode(verdict.branch), verdict.sha)});
    if (!with_jobs || verdict.checks.size() > k_max_job_statuses) return out;
    for (const auto& check : verdict.checks) {
        const auto state = parse_enum<JobState>(check.state);
        if (!state || !check.job) continue;
        out.push_back({state_of(*state), verdict.sha, "sluice/job/" + check.name,
                       check.note.empty() ? check.state : check.state + ": " + check.note,
                       fmt::format("{}/jobs/{}", public_url, check.job.value)});
    }
    return out;
}

}  // namespace sluice::core
