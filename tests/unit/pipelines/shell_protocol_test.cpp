#include "pipelines/protocol/shell.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::protocol;

TEST_CASE("what a shell prints and gets survives the wire byte by byte", "[protocol][shell]") {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    const auto output =
        parse_shell_output(
            to_json(ShellOutput{
                .offset = 7, .bytes = bytes, .ended = true, .exit_code = 130, .reason = "idle"}))
            .value();
    CHECK(output.offset == 7);
    CHECK(output.bytes == bytes);
    CHECK(output.ended);
    CHECK(output.exit_code == 130);
    CHECK(output.reason == "idle");
    const auto input =
        parse_shell_input(to_json(ShellInput{.offset = 9, .bytes = bytes, .window = {120, 40}}))
            .value();
    CHECK(input.bytes == bytes);
    CHECK(input.window == WindowSize{120, 40});
}

TEST_CASE("a runner that waits for people hears of a shell, or that nobody wants it",
          "[protocol][shell]") {
    const auto wanted =
        parse_kept_reply(to_json(KeptReply{.shell = 3, .term = "xterm", .window = {90, 30}}))
            .value();
    CHECK(wanted.shell == 3);
    CHECK(wanted.term == "xterm");
    CHECK(wanted.window == WindowSize{90, 30});
    CHECK_FALSE(wanted.release);
    CHECK(parse_kept_reply(to_json(KeptReply{.release = true})).value().release);
}

TEST_CASE("bad pieces of a shell are refused", "[protocol][shell]") {
    const auto refused = [](std::string_view text) {
        return !parse_shell_output(json::parse(text).value()).has_value();
    };
    CHECK(refused(R"({"offset": -1, "bytes": ""})"));
    CHECK(refused(R"({"offset": 0, "bytes": "no base64!"})"));
    CHECK(refused(R"({"offset": 0, "exit_code": 300})"));
    CHECK(refused(R"({"offset": 0, "more": 1})"));
    CHECK_FALSE(refused(R"({"offset": 0})"));
}
