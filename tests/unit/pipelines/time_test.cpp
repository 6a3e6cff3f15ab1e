#include "pipelines/base/time.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace std::chrono_literals;

TEST_CASE("durations are whole numbers with falling units", "[time]") {
    CHECK(parse_duration("1h30m").value() == 90min);
    CHECK(parse_duration("500ms").value() == 500ms);
    CHECK(parse_duration("1w2d3h4m5s6ms").value() == 24h * 9 + 3h + 4min + 5s + 6ms);
    CHECK(parse_duration("366d").value() == 366 * 24h);
    CHECK(parse_duration("90s").value() == 90s);
}

TEST_CASE("what is not a duration is refused with the reason and a right example", "[time]") {
    const auto message = [](const char* text) {
        const auto parsed = parse_duration(text);
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().id == "bad_duration");
        return parsed.error().message;
    };
    CHECK(message("60") ==
          "`60` is not a duration: the unit is missing (ms s m h d w); write e.g. `90s`, `20m` or "
          "`1h30m`, more than zero and at most 366d");
    for (const char* text : {"", "0", "0s", "-1", "-1s", "1y", "1.5h", "1h 30m", "30m1h", "1h1h",
                             "100000000000000000000", "100000000000000000000s", "367d", "53w",
                             "366d1ms", "h", "1H", "s1"})
        CHECK_THAT(message(text), Catch::Contains("is not a duration"));
}

TEST_CASE("durations print in their shortest exact form and read back", "[time]") {
    CHECK(format_duration(0ms) == "0s");
    CHECK(format_duration(90s) == "1m30s");
    CHECK(format_duration(90min) == "1h30m");
    CHECK(format_duration(14 * 24h) == "2w");
    CHECK(format_duration(30 * 24h) == "30d");
    CHECK(format_duration(-1500ms) == "-1s500ms");
    for (const auto duration : {1ms, 999ms, 61'001ms, 86'400'000ms, 31'622'400'000ms})
        CHECK(parse_duration(format_duration(duration)).value() == duration);
}

TEST_CASE("timestamps print as RFC 3339 in UTC", "[time]") {
    CHECK(format_timestamp({0}) == "1970-01-01T00:00:00.000Z");
    CHECK(format_timestamp({1795422600123}) == "2026-11-23T08:30:00.123Z");
    CHECK(format_timestamp({951782399999}) == "2000-02-28T23:59:59.999Z");
    CHECK(format_timestamp({951782400000}) == "2000-02-29T00:00:00.000Z");
    CHECK(format_timestamp({-1}) == "1969-12-31T23:59:59.999Z");
}
