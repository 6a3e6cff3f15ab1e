#include "hooks/status.hpp"

#include "pipelines/base/json.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using hooks::StatusState;

namespace {

const hooks::Status k_failed{StatusState::failed, std::string(40, 'a'), "sluice", "run 3 failed",
                             "http://ci/runs/3"};

std::string state_on(const std::string& forge, StatusState state) {
    auto status = k_failed;
    status.state = state;
    auto request = hooks::status_request({forge, "https://forge/api", "team/app", "t0ken"}, status);
    return std::string(json::parse(request.value().body).value().at("state").as_string());
}

}  // namespace

TEST_CASE("each forge gets its own path, credentials and field names", "[status]") {
    auto github =
        hooks::status_request({"github", "https://api.github.com", "team/app", "t0ken"}, k_failed)
            .value();
    CHECK(github.url == "https://api.github.com/repos/team/app/statuses/" + k_failed.sha);
    CHECK(github.headers[1] == "Authorization: Bearer t0ken");
    CHECK(json::parse(github.body).value().at("context").as_string() == "sluice");
    auto gitlab = hooks::status_request(
                      {"gitlab", "https://gitlab.example/api/v4", "team/app", "t0ken"}, k_failed)
                      .value();
    CHECK(gitlab.url ==
          "https://gitlab.example/api/v4/projects/team%2Fapp/statuses/" + k_failed.sha);
    CHECK(gitlab.headers[1] == "PRIVATE-TOKEN: t0ken");
    CHECK(json::parse(gitlab.body).value().at("name").as_string() == "sluice");
    auto gitea = hooks::status_request(
                     {"gitea", "https://gitea.example/api/v1", "team/app", "t0ken"}, k_failed)
                     .value();
    CHECK(gitea.headers[1] == "Authorization: token t0ken");
}

TEST_CASE("states become the forge's words", "[status]") {
    const struct {
        StatusState state;
        const char *github, *gitlab, *gitea;
    } table[] = {
        {StatusState::pending, "pending", "pending", "pending"},
        {StatusState::running, "pending", "running", "pending"},
        {StatusState::passed, "success", "success", "success"},
        {StatusState::warned, "success", "success", "warning"},
        {StatusState::failed, "failure", "failed", "failure"},
        {StatusState::errored, "error", "failed", "error"},
        {StatusState::cancelled, "error", "canceled", "failure"},
    };
    for (const auto& row : table) {
        CHECK(state_on("github", row.state) == row.github);
        CHECK(state_on("gitlab", row.state) == row.gitlab);
        CHECK(state_on("gitea", row.state) == row.gitea);
    }
}

TEST_CASE("how long a forge asks to wait is read from its headers, in its own ways", "[status]") {
    using hooks::asked_wait;
    using std::chrono::seconds;
    const Timestamp now{1'000'000};  // 1000 s
    CHECK(asked_wait({}, now) == seconds(0));
    CHECK(asked_wait({{"retry-after", "60"}}, now) == seconds(60));
    CHECK(asked_wait({{"retry-after", "999999"}}, now) == seconds(3600));
    CHECK(asked_wait({{"retry-after", "-5"}}, now) == seconds(0));
    CHECK(asked_wait({{"retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"}}, now) == seconds(0));
    CHECK(asked_wait({{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1030"}}, now) ==
          seconds(31));
    CHECK(asked_wait({{"ratelimit-remaining", "0"}, {"ratelimit-reset", "1030"}}, now) ==
          seconds(31));
    CHECK(asked_wait({{"x-ratelimit-remaining", "12"}, {"x-ratelimit-reset", "1030"}}, now) ==
          seconds(0));
    CHECK(asked_wait({{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "900"}}, now) ==
          seconds(0));
    CHECK(
        asked_wait({{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "99999999999999999999"}},
                   now) == seconds(0));
    CHECK(asked_wait(
              {{"retry-after", "5"}, {"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1030"}},
              now) == seconds(5));
}

TEST_CASE("what a forge answers is taken, tried again or final", "[status]") {
    CHECK(hooks::is_taken("github", 201, ""));
    CHECK_FALSE(hooks::is_taken("github", 422, ""));
    const std::string there = R"({"message":"Cannot transition status via :run from :running"})";
    CHECK(hooks::is_taken("gitlab", 400, there));
    CHECK_FALSE(hooks::is_taken("github", 400, there));
    CHECK_FALSE(hooks::is_taken("gitlab", 400, "bad request"));
    for (int again : {401, 403, 408, 429, 500, 502, 503}) CHECK(hooks::may_be_repeated(again));
    for (int never : {301, 400, 404, 409, 413, 422}) CHECK_FALSE(hooks::may_be_repeated(never));
}

TEST_CASE("a long description is cut, and plain git has no statuses", "[status]") {
    auto status = k_failed;
    status.description = std::string(1000, 'x');
    auto request = hooks::status_request({"github", "https://a", "t/a", "t"}, status).value();
    const auto cut = json::parse(request.body).value().at("description").as_string();
    CHECK(cut.size() <= 140);
    CHECK(std::string_view(cut).ends_with("xxx…"));
    CHECK(hooks::status_request({"git", "https://a", "t/a", "t"}, status).error().id ==
          "no_status_api");
}
