#pragma once
/// Commit statuses as each forge wants them (field study §4, row "Status API" and the state table).
/// Pure; any thread.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/result.hpp"
#include "pipelines/base/time.hpp"

#include <map>
#include <string>
#include <vector>

namespace sluice::hooks {

/// What a status says, before a forge's own words.
enum class StatusState { pending, running, passed, warned, failed, errored, cancelled };

struct Status {
    StatusState state = StatusState::pending;
    std::string sha;
    std::string context;      ///< `sluice` or `sluice/test`
    std::string description;  ///< cut to what every forge takes
    std::string url;          ///< of the run
};

/// Where and as whom to post.
struct StatusTarget {
    std::string forge;  ///< github, gitlab or gitea
    std::string api;    ///< base URL: `https://api.github.com`, `https://gitlab.example/api/v4`
    std::string repo;   ///< `owner/name`; GitLab also takes the numeric id
    std::string token;
};

/// One HTTP request: POST `url` with these headers and this JSON body.
struct StatusRequest {
    std::string url;
    std::vector<std::string> headers;
    std::string body;
};

/// Refused with `no_status_api` for a source that has none (plain git).
Result<StatusRequest> status_request(const StatusTarget& target, const Status& status);

/// Whether the forge has the status now: 2xx, and GitLab's refusal of a state that it is in
/// already.
bool is_taken(std::string_view forge, int status, std::string_view answer);
/// Whether the same request may succeed later: rate limits, outages, and a token that is being
/// rotated.
bool may_be_repeated(int status);
/// How long the forge asks to wait by its headers (lower-case names), at most an hour; 0 = it does
/// not say. `Retry-After` in seconds, else an exhausted limit's `X-RateLimit-Reset` (GitHub) or
/// `RateLimit-Reset` (GitLab), in seconds since 1970.
Duration asked_wait(const std::map<std::string, std::string>& headers, Timestamp now);

}  // namespace sluice::hooks

namespace sluice {
SLUICE_ENUM_NAMES(hooks::StatusState, "pending", "running", "passed", "warned", "failed", "errored",
                  "cancelled");
}  // namespace sluice
