#include "hooks/status.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/base/text.hpp"
#include "platform/http_client.hpp"

#include <algorithm>
#include <charconv>

namespace sluice::hooks {

namespace {

constexpr std::size_t k_description_max = 140;  // GitHub's limit, the smallest

/// GitHub and Gitea know four states; a warning has a word of its own on Gitea only.
std::string github_state(StatusState state) {
    switch (state) {
        case StatusState::pending:
        case StatusState::running: return "pending";
        case StatusState::passed:
        case StatusState::warned: return "success";
        case StatusState::failed: return "failure";
        case StatusState::errored:
        case StatusState::cancelled: return "error";
    }
    return "error";
}

std::string gitlab_state(StatusState state) {
    switch (state) {
        case StatusState::pending: return "pending";
        case StatusState::running: return "running";
        case StatusState::passed:
        case StatusState::warned: return "success";
        case StatusState::failed:
        case StatusState::errored: return "failed";
        case StatusState::cancelled: return "canceled";
    }
    return "failed";
}

std::string gitea_state(StatusState state) {
    switch (state) {
        case StatusState::pending:
        case StatusState::running: return "pending";
        case StatusState::passed: return "success";
        case StatusState::warned: return "warning";
        case StatusState::failed:
        case StatusState::cancelled: return "failure";
        case StatusState::errored: return "error";
    }
    return "error";
}

/// With a mark where it was cut, so that nobody takes half a sentence for the whole.
std::string shortened(const std::string& description) {
    constexpr std::string_view mark = "…";
    if (description.size() <= k_description_max)
        return text::sanitize_utf8(description, k_description_max);
    return text::sanitize_utf8(description, k_description_max - mark.size()) + std::string(mark);
}

}  // namespace

Result<StatusRequest> status_request(const StatusTarget& target, const Status& status) {
    const auto description = shortened(status.description);
    StatusRequest request;
    request.headers = {"Content-Type: application/json"};
    if (target.forge == "gitlab") {
        request.url = target.api + "/projects/" + http_client::percent_encode(target.repo) +
                      "/statuses/" + status.sha;
        request.headers.push_back("PRIVATE-TOKEN: " + target.token);
        request.body = json::serialize(json::Object{{"state", gitlab_state(status.state)},
                                                    {"name", status.context},
                                                    {"description", description},
                                                    {"target_url", status.url}});
        return request;
    }
    const bool gitea = target.forge == "gitea";
    if (!gitea && target.forge != "github")
        return error(Code::unsupported, "no_status_api", "plain git has no commit statuses");
    request.url = target.api + "/repos/" + target.repo + "/statuses/" + status.sha;
    request.headers.push_back(gitea ? "Authorization: token " + target.token
                                    : "Authorization: Bearer " + target.token);
    if (!gitea) request.headers.emplace_back("Accept: application/vnd.github+json");
    request.body = json::serialize(
        json::Object{{"state", gitea ? gitea_state(status.state) : github_state(status.state)},
                     {"context", status.context},
                     {"description", description},
                     {"target_url", status.url}});
    return request;
}

bool is_taken(std::string_view forge, int status, std::string_view answer) {
    if (status >= 200 && status < 300) return true;
    return forge == "gitlab" && status == 400 &&
           answer.find("Cannot transition status") != std::string_view::npos;
}

Duration asked_wait(const std::map<std::string, std::string>& headers, Timestamp now) {
    const auto number = [&](const char* name) -> std::optional<std::int64_t> {
        const auto at = headers.find(name);
        if (at == headers.end()) return std::nullopt;
        std::int64_t value = 0;
        const auto text = text::trim(at->second);
        const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
        return value;
    };
    static constexpr std::int64_t longest = 3600;
    const auto seconds = [](std::int64_t value) {
        return std::chrono::seconds(std::clamp<std::int64_t>(value, 0, longest));
    };
    if (const auto after = number("retry-after")) return seconds(*after);
    for (const std::string prefix : {"x-ratelimit-", "ratelimit-"}) {
        const auto reset = number((prefix + "reset").c_str());
        if (number((prefix + "remaining").c_str()) == 0 && reset)
            return seconds(std::clamp<std::int64_t>(*reset, 0, 1LL << 40) - now.ms / 1000 + 1);
    }
    return Duration{0};
}

bool may_be_repeated(int status) {
    return status == 401 || status == 403 || status == 408 || status == 429 || status >= 500;
}

}  // namespace sluice::hooks
