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

TEST_CASE("a long description is cut, and plain git has no statuses", "[status]") {
    auto status = k_failed;
    status.description = std::string(1000, 'x');
    auto request = hooks::status_request({"github", "https://a", "t/a", "t"}, status).value();
    CHECK(json::parse(request.body).value().at("description").as_string().size() <= 140);
    CHECK(hooks::status_request({"git", "https://a", "t/a", "t"}, status).error().id ==
          "no_status_api");
}
