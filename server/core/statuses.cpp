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

hooks::Status status_of(const GateCheck& check, const std::string& sha,
                        const std::string& public_url) {
    // What is no state of a job is what the gate alone knows: that a job is missing, though its run
    // says that it was not needed.
    const auto state = parse_enum<JobState>(check.state);
    return {state ? state_of(*state) : StatusState::failed, sha, "sluice/job/" + check.name,
            check.note.empty() ? check.state : check.state + ": " + check.note,
            fmt::format("{}/jobs/{}", public_url, check.job.value)};
}

}  // namespace

std::vector<CommitStatus> statuses_of(const Verdict& verdict, const std::string& project,
                                      const std::string& public_url, bool with_jobs) {
    std::vector<CommitStatus> out;
    out.push_back({{state_of(verdict), verdict.sha, k_gate_context, verdict.summary,
                    fmt::format("{}/gate/{}?branch={}&sha={}", public_url,
                                http_client::percent_encode(project),
                                http_client::percent_encode(verdict.branch), verdict.sha)}});
    const bool begins = with_jobs && verdict.checks.size() <= k_max_job_statuses;
    for (const auto& check : verdict.checks)
        if (check.job) out.push_back({status_of(check, verdict.sha, public_url), begins});
    for (const auto& other : verdict.others)
        out.push_back({status_of(other, verdict.sha, public_url), false});
    return out;
}

}  // namespace sluice::core
