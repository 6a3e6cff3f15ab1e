#include "pipelines/schedule/ticks.hpp"
#include "pipelines/schedule/schedule.hpp"

#include <catch2/catch.hpp>

#include <chrono>

using namespace sluice;
using namespace sluice::schedule;

namespace {

std::int64_t utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
    using namespace std::chrono;
    const sys_days date{std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day)};
    return date.time_since_epoch().count() * 86'400LL + hour * 3600 + minute * 60;
}
Timestamp at(std::int64_t seconds) {
    return {seconds * 1000};
}

/// A place that changes its offset at these instants; before the first it keeps `offset`.
Zone zone(std::int64_t offset, std::vector<std::pair<std::int64_t, std::int64_t>> changes) {
    return [=](std::int64_t now) {
        OffsetSpan span{INT64_MIN, INT64_MAX, offset};
        for (const auto& [when, next] : changes) {
            if (now < when) {
                span.end = when;
                return span;
            }
            span.begin = when;
            span.offset = next;
        }
        return span;
    };
}

// What the tz database says of 2026.
const Zone k_berlin = zone(3600, {{utc(2026, 3, 29, 1), 7200}, {utc(2026, 10, 25, 1), 3600}});
const Zone k_new_york =
    zone(-18'000, {{utc(2026, 3, 8, 7), -14'400}, {utc(2026, 11, 1, 6), -18'000}});
// Half an hour only.
const Zone k_lord_howe =
    zone(39'600, {{utc(2026, 4, 4, 15), 37'800}, {utc(2026, 10, 3, 15, 30), 39'600}});
// A whole local day that never was: 30 December 2011.
const Zone k_apia = zone(-36'000, {{utc(2011, 12, 30, 10), 50'400}});
// Midnight itself is skipped.
const Zone k_beirut = zone(7200, {{utc(2026, 3, 28, 22), 10'800}});

std::vector<std::string> ticks(const char* cron, const Zone& place, std::int64_t from,
                               std::int64_t to, std::size_t max = 100) {
    std::vector<std::string> out;
    for (const Tick& tick : due_ticks(parse_cron(cron).value(), place, at(from), at(to), max).ticks)
        out.push_back(tick.date + " " + tick.time + " = " +
                      format_timestamp(tick.at).substr(0, 16));
    return out;
}
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a schedule fires on its own clock", "[schedule]") {
    CHECK(ticks("0 2 * * *", k_berlin, utc(2026, 1, 10), utc(2026, 1, 12)) ==
          Lines{"2026-01-10 02:00 = 2026-01-10T01:00", "2026-01-11 02:00 = 2026-01-11T01:00"});
    CHECK(ticks("30 20 * * MON", k_new_york, utc(2026, 1, 5), utc(2026, 1, 7)) ==
          Lines{"2026-01-05 20:30 = 2026-01-06T01:30"});
    CHECK(ticks("0 0 31 * *", utc_zone, utc(2026, 1, 1), utc(2026, 5, 1)) ==
          Lines{"2026-01-31 00:00 = 2026-01-31T00:00", "2026-03-31 00:00 = 2026-03-31T00:00"});
}

TEST_CASE("the last look is over, this one counts", "[schedule]") {
    const auto tick = utc(2026, 1, 10, 1);
    CHECK(ticks("0 2 * * *", k_berlin, tick - 1, tick).size() == 1);
    CHECK(ticks("0 2 * * *", k_berlin, tick, tick + 1).empty());
    CHECK(ticks("0 2 * * *", k_berlin, tick + 1, tick - 1).empty());
}

TEST_CASE("a time that daylight saving skips fires at the first minute after the gap",
          "[schedule]") {
    const auto day = utc(2026, 3, 28, 23), end = utc(2026, 3, 29, 12);
    CHECK(ticks("30 2 * * *", k_berlin, day, end) == Lines{"2026-03-29 02:30 = 2026-03-29T01:00"});
    CHECK(ticks("0 2 * * *", k_berlin, day, end) == Lines{"2026-03-29 02:00 = 2026-03-29T01:00"});
    CHECK(ticks("0 3 * * *", k_berlin, day, end) == Lines{"2026-03-29 03:00 = 2026-03-29T01:00"});
    CHECK(ticks("30 2 * * *", k_new_york, utc(2026, 3, 8), utc(2026, 3, 9)) ==
          Lines{"2026-03-08 02:30 = 2026-03-08T07:00"});
    CHECK(ticks("10 2 * * *", k_lord_howe, utc(2026, 10, 3), utc(2026, 10, 4)) ==
          Lines{"2026-10-04 02:10 = 2026-10-03T15:30"});
    CHECK(ticks("@daily", k_beirut, utc(2026, 3, 28), utc(2026, 3, 29, 20)) ==
          Lines{"2026-03-29 00:00 = 2026-03-28T22:00"});
}

TEST_CASE("several times of one gap are one tick, and a time that the clock shows outweighs them",
          "[schedule]") {
    const auto day = utc(2026, 3, 29, 0), end = utc(2026, 3, 29, 2);
    CHECK(ticks("*/30 2 * * *", k_berlin, day, end) ==
          Lines{"2026-03-29 02:00 = 2026-03-29T01:00"});
    CHECK(ticks("*/30 * * * *", k_berlin, day, end) ==
          Lines{"2026-03-29 01:30 = 2026-03-29T00:30", "2026-03-29 03:00 = 2026-03-29T01:00",
                "2026-03-29 03:30 = 2026-03-29T01:30", "2026-03-29 04:00 = 2026-03-29T02:00"});
}

TEST_CASE("a time that daylight saving repeats fires once, the first time", "[schedule]") {
    const auto day = utc(2026, 10, 24, 23), end = utc(2026, 10, 25, 12);
    CHECK(ticks("30 2 * * *", k_berlin, day, end) == Lines{"2026-10-25 02:30 = 2026-10-25T00:30"});
    CHECK(ticks("0 2,3 * * *", k_berlin, day, end) ==
          Lines{"2026-10-25 02:00 = 2026-10-25T00:00", "2026-10-25 03:00 = 2026-10-25T02:00"});
    CHECK(ticks("30 1 * * *", k_new_york, utc(2026, 11, 1), utc(2026, 11, 2)) ==
          Lines{"2026-11-01 01:30 = 2026-11-01T05:30"});
    CHECK(ticks("45 1 * * *", k_lord_howe, utc(2026, 4, 4), utc(2026, 4, 5)) ==
          Lines{"2026-04-05 01:45 = 2026-04-04T14:45"});
}

TEST_CASE("a day that a place left out fires when the next begins", "[schedule]") {
    CHECK(ticks("0 12 * * *", k_apia, utc(2011, 12, 29, 12), utc(2011, 12, 31)) ==
          Lines{"2011-12-29 12:00 = 2011-12-29T22:00", "2011-12-30 12:00 = 2011-12-30T10:00",
                "2011-12-31 12:00 = 2011-12-30T22:00"});
}

TEST_CASE("of many missed ticks the newest are told", "[schedule]") {
    const auto due = due_ticks(parse_cron("@hourly").value(), utc_zone, at(utc(2026, 1, 1)),
                               at(utc(2026, 2, 1)), 3);
    REQUIRE(due.ticks.size() == 3);
    CHECK(due.more);
    CHECK(due.ticks.front().at == at(utc(2026, 1, 31, 22)));
    CHECK(due.ticks.back().at == at(utc(2026, 2, 1)));
    CHECK_FALSE(due_ticks(parse_cron("@daily").value(), utc_zone, at(utc(2026, 1, 1)),
                          at(utc(2026, 1, 3)), 2)
                    .more);
}

TEST_CASE("the next tick is the first of those that will be due", "[schedule]") {
    const auto next = [](const char* cron, const Zone& place, std::int64_t after) {
        const auto tick = next_tick(parse_cron(cron).value(), place, at(after));
        return tick ? format_timestamp(tick->at).substr(0, 16) : "never";
    };
    CHECK(next("0 2 * * *", k_berlin, utc(2026, 1, 10, 1)) == "2026-01-11T01:00");
    CHECK(next("30 2 * * *", k_berlin, utc(2026, 3, 29, 0)) == "2026-03-29T01:00");
    CHECK(next("0 0 29 2 *", utc_zone, utc(2096, 3, 1)) == "2104-02-29T00:00");
    CHECK(next("0 0 30 2 *", utc_zone, utc(2026, 1, 1)) == "never");
    for (const char* cron : {"*/5 * * * *", "0,30 1-3 * * *", "7 2 * * SUN"})
        for (const auto& place : {k_berlin, k_new_york, k_lord_howe}) {
            auto from = utc(2026, 3, 1);
            const auto all =
                due_ticks(parse_cron(cron).value(), place, at(from), at(utc(2026, 4, 10)), 100'000)
                    .ticks;
            REQUIRE_FALSE(all.empty());
            bool agree = true;
            for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), 400); ++i) {
                const auto tick = next_tick(parse_cron(cron).value(), place, at(from));
                agree = agree && tick && *tick == all[i];
                from = all[i].at.ms / 1000;
            }
            CHECK(agree);
        }
}

TEST_CASE("a schedule survives its JSON form", "[schedule]") {
    Schedule schedule{"nightly",    "0 2 * * *",    "Europe/Berlin",   "main",
                      Catchup::all, Overlap::queue, {{"full", "true"}}};
    CHECK(schedule_from_json(to_json(schedule)).value() == schedule);
}
