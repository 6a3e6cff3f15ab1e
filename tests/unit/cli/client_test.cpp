#include "cli/api_client.hpp"
#include "cli/exit_code.hpp"
#include "cli/gate.hpp"
#include "cli/git.hpp"
#include "cli/hook_server.hpp"
#include "cli/json_view.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::cli;

namespace {

http_client::Response reply(int status, std::string body) {
    return {status, {}, std::move(body)};
}

json::Value gate(const char* verdict, json::Value run, json::Array checks = {}) {
    return json::Object{
        {"verdict", verdict}, {"run_id", std::move(run)}, {"checks", std::move(checks)}};
}

}  // namespace

TEST_CASE("a refusal keeps the server's words and class", "[cli]") {
    auto refused = refusal(
        reply(409, R"({"error": "project_exists", "message": "there is one", "where": "/name"})"),
        {"http://ci", "t", "login"});
    CHECK(refused.id == "project_exists");
    CHECK(refused.message == "there is one");
    CHECK(refused.where == "/name");
    CHECK(refused.code == Code::conflict);
    CHECK(exit_for(refused) == Exit::refused);
}

TEST_CASE("a refusal without an error object still says what came", "[cli]") {
    auto refused = refusal(reply(502, "<html>bad gateway</html>"), {"http://ci", "t", "login"});
    CHECK(refused.id == "http_502");
    CHECK(refused.message == "http://ci answered with status 502");
}

TEST_CASE("a missing token is named with the way to get one", "[cli]") {
    auto refused =
        refusal(reply(401, R"({"error": "unauthorized", "message": "a token is needed"})"),
                {"http://ci", "", "the default address"});
    CHECK(refused.message ==
          "a token is needed; no token is known for http://ci: sluice login http://ci");
}

TEST_CASE("no answer is told apart from a refusal and says what to start", "[cli]") {
    ApiClient client({"http://127.0.0.1:1", "", "--url"});
    http_client::init_client();
    auto answer = client.get("/api/v1/status");
    REQUIRE_FALSE(answer.has_value());
    CHECK(exit_for(answer.error()) == Exit::unreachable);
    CHECK(answer.error().message.find("no answer from http://127.0.0.1:1") == 0);
    CHECK(answer.error().message.find("sluice-server --data DIR") != std::string::npos);
}

TEST_CASE("the gate's verdict is an exit code; without a run it is unknown, not red", "[cli]") {
    CHECK(verdict_of(gate("green", 1)) == Exit::ok);
    CHECK(verdict_of(gate("red", 1)) == Exit::negative);
    CHECK(verdict_of(gate("pending", 1)) == Exit::unknown);
    CHECK(verdict_of(gate("red", nullptr)) == Exit::unknown);
}

TEST_CASE("a person who waits for a gate reads what it waits for", "[cli]") {
    json::Array checks{json::Object{{"name", "lint"}, {"color", "green"}, {"state", "passed"}},
                       json::Object{{"name", "test"}, {"color", "pending"}, {"state", "running"}},
                       json::Object{{"name", "image"}, {"color", "pending"}, {"state", "waiting"}}};
    CHECK(waiting_text(gate("pending", 1, checks)) ==
          "waiting for test (running), image (waiting)");
    CHECK(waiting_text(gate("red", nullptr)) == "waiting for a run of this commit");
}

TEST_CASE("one repository has many spellings", "[cli]") {
    CHECK(git::same_repository("git@Host.org:team/app.git", "https://host.org/team/app"));
    CHECK(git::same_repository("ssh://git@host.org/team/app/", "https://me@host.org/team/app.git"));
    CHECK(git::same_repository("file:///srv/app.git", "/srv/app.git"));
    CHECK_FALSE(git::same_repository("https://host.org/team/app", "https://host.org/team/App"));
    CHECK_FALSE(git::same_repository("https://host.org/a", "https://other.org/a"));
    CHECK_FALSE(git::same_repository("/srv/app.git", "https://srv/app.git"));
}

TEST_CASE("replies are read leniently, so that old and new servers both do", "[cli]") {
    auto value = *json::parse(R"({"name": "x", "n": 3, "on": true, "list": ["a", 1, "b"]})");
    CHECK(text_of(value, "name") == "x");
    CHECK(text_of(value, "n").empty());
    CHECK(text_of(value, "absent").empty());
    CHECK(number_of(value, "n") == 3);
    CHECK_FALSE(number_of(value, "name"));
    CHECK(flag_of(value, "on"));
    CHECK(joined(value, "list") == "a, b");
    CHECK(items_of(value, "name").empty());
    CHECK(member(json::Value(7), "name").is_null());
}

TEST_CASE("output of --json is indented and parses back to the same", "[cli]") {
    auto value = *json::parse(R"({"a": [1, {"b": "\n"}], "c": {}, "d": []})");
    CHECK(pretty(value) ==
          "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"\\n\"\n    }\n  ],\n  \"c\": {},\n  \"d\": "
          "[]\n}\n");
    CHECK(*json::parse(pretty(value)) == value);
}

TEST_CASE("the hook gets host and port of a plain HTTP server", "[cli]") {
    CHECK(*hook_listener("http://127.0.0.1:8080") == "127.0.0.1:8080");
    CHECK(*hook_listener("http://ci.local") == "ci.local:80");
    CHECK(*hook_listener("[::1]:8080") == "[::1]:8080");
    CHECK(hook_listener("https://ci.example.org").error().message.find("--hook-listen") !=
          std::string::npos);
    CHECK_FALSE(hook_listener("http://ci/sluice").has_value());
    CHECK_FALSE(hook_listener("").has_value());
}
