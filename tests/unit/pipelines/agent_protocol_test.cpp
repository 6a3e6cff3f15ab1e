#include "pipelines/protocol/agent.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::protocol;
using namespace std::chrono_literals;

namespace {
json::Value wire(const json::Value& value) {
    return json::parse(json::serialize(value), {.bytes = 1 << 22}).value();
}
}  // namespace

TEST_CASE("a claim and its reply travel unchanged", "[protocol]") {
    const ClaimRequest request{.session = "s1",
                               .seq = 5,
                               .free = 2,
                               .capacity = 4,
                               .holding = {AttemptId{3}, AttemptId{9}},
                               .draining = true,
                               .wait = 60s};
    CHECK(
        json::serialize(to_json(request)) ==
        R"({"session":"s1","seq":5,"free":2,"capacity":4,"holding":[3,9],"executors":["host"],"draining":true,"wait_ms":60000})");
    const auto got = parse_claim(wire(to_json(request))).value();
    CHECK(got.session == "s1");
    CHECK(got.holding == request.holding);
    CHECK(got.wait == 60s);

    ClaimReply reply;
    reply.jobs.push_back({.attempt = AttemptId{1},
                          .job = JobId{2},
                          .run = RunId{3},
                          .epoch = 1,
                          .lease_token = "lt",
                          .lease = 30s,
                          .spec = {.id = "a", .base = "a"},
                          .env = {{"CI", "true"}},
                          .sha = std::string(40, 'a'),
                          .log_limit = 1 << 20,
                          .project = ProjectId{4},
                          .scope = std::string(64, 'd')});
    const auto back = parse_claim_reply(wire(to_json(reply))).value();
    REQUIRE(back.jobs.size() == 1);
    CHECK(back.jobs[0].spec == reply.jobs[0].spec);
    CHECK(back.jobs[0].lease == 30s);
    CHECK(back.jobs[0].env == reply.jobs[0].env);
    CHECK(back.jobs[0].attempt == AttemptId{1});
    CHECK(back.jobs[0].project == ProjectId{4});
    CHECK(back.jobs[0].scope == reply.jobs[0].scope);
}

TEST_CASE("the inline log of a finish is base64 on the wire and holds any bytes", "[protocol]") {
    FinishRequest finish{.runner_instance = "r",
                         .outcome = {.result = model::AttemptResult::passed, .exit_code = 0},
                         .log_size = 5,
                         .log_crc32c = 0xFFFFFFFF};
    finish.inline_log_offset = 0;
    finish.inline_log = std::string("\x00\xff\n\x80\x01", 5);
    finish.outputs = {{"ref", "x"}};
    const auto body = to_json(finish);
    CHECK(body.at("inline_log").as_string() == "AP8KgAE=");
    const auto got = parse_finish(wire(body)).value();
    CHECK(got.inline_log == finish.inline_log);
    CHECK(got.inline_log_offset == 0);
    CHECK(got.log_crc32c == 0xFFFFFFFF);
    CHECK(got.outcome == finish.outcome);
    CHECK(got.outputs == finish.outputs);
}

TEST_CASE("a finish without an inline log has neither of its members", "[protocol]") {
    const auto body = to_json(FinishRequest{});
    CHECK_FALSE(body.as_object().contains("inline_log"));
    CHECK_FALSE(parse_finish(wire(body)).value().inline_log_offset);
}

TEST_CASE("a generated fragment travels with the finish, up to its limit", "[protocol]") {
    FinishRequest finish;
    CHECK_FALSE(parse_finish(wire(to_json(finish))).value().generated);
    finish.generated = "";
    CHECK(parse_finish(wire(to_json(finish))).value().generated == "");
    finish.generated = std::string(k_generated_max, 'x');
    CHECK(parse_finish(wire(to_json(finish))).value().generated == finish.generated);
    *finish.generated += 'x';
    CHECK_FALSE(parse_finish(wire(to_json(finish))).has_value());
}

TEST_CASE("an inline log at its limit passes, one byte more does not", "[protocol]") {
    FinishRequest finish;
    finish.inline_log_offset = 0;
    finish.inline_log = std::string(k_inline_log_max, 'x');
    CHECK(parse_finish(wire(to_json(finish))).has_value());
    finish.inline_log += 'x';
    CHECK(parse_finish(wire(to_json(finish))).error().where == "/inline_log");
}

TEST_CASE("wrong bodies are refused at their place", "[protocol]") {
    const auto where = [](auto parse, const char* text) {
        const auto parsed = parse(json::parse(text).value());
        REQUIRE_FALSE(parsed.has_value());
        return parsed.error().where;
    };
    CHECK(where(parse_claim, R"([])").empty());
    CHECK(where(parse_claim, R"({"session":"s","seq":-1,"free":1})") == "/seq");
    CHECK(where(parse_claim, R"({"session":"s","seq":1,"free":1,"holding":[0]})") == "/holding/0");
    CHECK(where(parse_claim, R"({"session":"s","seq":1,"free":1,"x":1})") == "/x");
    CHECK(where(parse_start, R"({})") == "/runner_instance");
    CHECK(where(parse_finish, R"({"log_size":0,"log_crc32c":0})") == "/outcome");
    CHECK(
        where(
            parse_finish,
            R"({"outcome":{"result":"passed"},"log_size":0,"log_crc32c":0,"inline_log":"AA=="})") ==
        "/inline_log_offset");
    CHECK(where(parse_finish,
                R"({"outcome":{"result":"passed"},"log_size":0,"log_crc32c":4294967296})") ==
          "/log_crc32c");
    CHECK(where(parse_source, R"({"have":["x"]})") == "/have");
    CHECK(where(parse_claim_reply, R"({"jobs":[{"attempt":"1"}]})") == "/jobs/0/attempt");
}

TEST_CASE("a newer agent's register is read far enough to tell it to wait for the server",
          "[protocol]") {
    const auto newer =
        json::parse(R"({"protocol":2,"token":"t","install_id":"i","name":"n","gpu":1})").value();
    CHECK(parse_register(newer).value().protocol == 2);
    const auto same =
        json::parse(R"({"protocol":1,"token":"t","install_id":"i","name":"n","gpu":1})").value();
    CHECK(parse_register(same).error().id == "unknown_field");
}

TEST_CASE("the small messages travel unchanged", "[protocol]") {
    const RegisterRequest reg{.token = "t",
                              .install_id = "i",
                              .name = "n",
                              .build = "1",
                              .labels = {"a"},
                              .os = "linux",
                              .arch = "x86_64",
                              .host = "h",
                              .cpus = 2};
    CHECK(parse_register(wire(to_json(reg))).value().labels == reg.labels);
    CHECK(parse_register_reply(wire(to_json(RegisterReply{AgentId{4}, "tok", "n", {"a"}, "srv"})))
              .value()
              .agent == AgentId{4});
    CHECK(parse_start(wire(to_json(StartRequest{"x"}))).value().runner_instance == "x");
    CHECK(parse_renew(wire(to_json(RenewRequest{5s, "x"}))).value().wait == 5s);
    const auto renewed = parse_renew_reply(wire(to_json(RenewReply{30s, true, "asked"}))).value();
    CHECK(renewed.cancel);
    CHECK(renewed.reason == "asked");
    CHECK(parse_log_reply(wire(to_json(LogReply{77, true}))).value().offset == 77);
    CHECK(parse_progress(wire(to_json(ProgressRequest{{{.name = "s"}}}))).value().steps.size() ==
          1);
    CHECK(parse_finish_reply(wire(to_json(FinishReply{model::JobState::warned}))).value().state ==
          model::JobState::warned);
    CHECK(parse_source(wire(to_json(SourceRequest{{std::string(40, 'a')}}))).value().have.size() ==
          1);
}
