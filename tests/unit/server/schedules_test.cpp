#include "server/core/schedules.hpp"
#include "platform/timezone.hpp"
#include "tests/unit/server/ci_fixture.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using core::NoticedTick;
using schedule::Catchup;
using schedule::Overlap;
using schedule::Schedule;

namespace {

Schedule every_hour() {
    return {.name = "hourly", .cron = "@hourly"};
}

schedule::Tick tick(std::int64_t ms) {
    return {{ms}, "2026-01-01", "00:00"};
}

/// A project's schedules on a clock that the test moves. It stands at 22:13:20 UTC at first.
struct Clockwork {
    Fixture ci;
    std::unique_ptr<core::Schedules> schedules = load();

    std::unique_ptr<core::Schedules> load() {
        return ci.write([&](store::Tx& tx) -> Result<std::unique_ptr<core::Schedules>> {
            return std::make_unique<core::Schedules>(ci.clock, timezone::find,
                                                     store::active_schedules(tx));
        });
    }
    void push(const std::vector<Schedule>& read) {
        ci.write([&](store::Tx& tx) -> Result<bool> {
            schedules->replace(tx, ci.project, read);
            return true;
        });
    }
    /// What the ticker does each second.
    std::vector<core::Schedules::Due> look() {
        if (schedules->tick_over())
            ci.write([&](store::Tx& tx) -> Result<bool> {
                schedules->notice(tx);
                return true;
            });
        return ci.write([&](store::Tx& tx) -> Result<std::vector<core::Schedules::Due>> {
            return schedules->take_due(tx, {});
        });
    }
    RunId fire(const core::Schedules::Due& due) {
        const RunId run = ci.run({job("a")});
        REQUIRE(ci.write([&](store::Tx& tx) -> Result<bool> {
            return store::settle_tick(tx, due.tick.id, "fired", "", run);
        }));
        return run;
    }
    void end_run() { ci.finish(ci.started(), passed()).value(); }
    std::vector<store::TickRow> ticks(std::int64_t id = 1) {
        auto rows = ci.write([&](store::Tx& tx) -> Result<std::vector<store::TickRow>> {
            return store::recent_ticks(tx, {id}, 100);
        });
        std::reverse(rows.begin(), rows.end());
        return rows;
    }
};

}  // namespace

TEST_CASE("a tick that was missed runs as `catchup` says", "[schedules]") {
    const std::vector<schedule::Tick> three{tick(1'000'000), tick(2'000'000), tick(3'000'000)};
    const Timestamp much_later{9'000'000}, at_once{3'000'500};
    auto due = [&](Catchup catchup, Timestamp now) {
        auto schedule = every_hour();
        schedule.catchup = catchup;
        std::vector<bool> out;
        for (const auto& noticed : core::judge_ticks(schedule, three, now)) {
            CHECK(noticed.due == noticed.reason.empty());
            out.push_back(noticed.due);
        }
        return out;
    };
    CHECK(due(Catchup::none, much_later) == std::vector{false, false, false});
    CHECK(due(Catchup::none, at_once) == std::vector{false, false, true});
    CHECK(due(Catchup::last, much_later) == std::vector{false, false, true});
    CHECK(due(Catchup::last, at_once) == std::vector{false, false, true});
    CHECK(due(Catchup::all, much_later) == std::vector{true, true, true});
    auto schedule = every_hour();
    schedule.catchup = Catchup::all;
    CHECK(core::judge_ticks(schedule, three, much_later)[0].waits);
    schedule.catchup = Catchup::none;
    CHECK_FALSE(core::judge_ticks(schedule, three, at_once)[2].waits);
    schedule.overlap = Overlap::queue;
    CHECK(core::judge_ticks(schedule, three, at_once)[2].waits);
}

TEST_CASE("a schedule fires once an hour, from its reading on", "[schedules]") {
    Clockwork at;
    at.push({every_hour()});
    CHECK(at.look().empty());
    at.ci.clock.advance(46min + 39s);
    CHECK_FALSE(at.schedules->tick_over());
    at.ci.clock.advance(1s);
    CHECK(at.schedules->tick_over());
    const auto due = at.look();
    REQUIRE(due.size() == 1);
    CHECK(due[0].tick.date == "2023-11-14");
    CHECK(due[0].tick.time == "23:00");
    CHECK(due[0].schedule.name == "hourly");
    at.fire(due[0]);
    at.end_run();
    CHECK(at.look().empty());
    CHECK_FALSE(at.schedules->any_due());
    at.ci.clock.advance(1h);
    CHECK(at.look().size() == 1);
}

TEST_CASE("a server that stopped between tick and run fires it after its start, once",
          "[schedules]") {
    Clockwork at;
    at.push({every_hour()});
    at.ci.clock.advance(46min + 41s);
    REQUIRE(at.look().size() == 1);
    at.schedules = at.load();  // killed before the run was made
    CHECK(at.schedules->any_due());
    const auto due = at.look();
    REQUIRE(due.size() == 1);
    at.fire(due[0]);
    at.end_run();
    at.schedules = at.load();
    CHECK(at.look().empty());
    CHECK(at.ticks().size() == 1);
}

TEST_CASE("a slot is given once, whatever the clock does", "[schedules]") {
    Clockwork at;
    at.push({every_hour()});
    at.ci.clock.advance(46min + 41s);
    at.fire(at.look().at(0));
    at.end_run();
    at.ci.write([&](store::Tx& tx) -> Result<bool> {
        store::set_schedule_since(tx, {1}, {at.ci.clock.now().ms - 600'000});
        return true;
    });
    at.schedules = at.load();  // as if the clock had been set back
    CHECK(at.look().empty());
    CHECK(at.ticks().size() == 1);
}

TEST_CASE("ticks that nobody served are kept as skipped, with the reason", "[schedules]") {
    Clockwork at;
    at.push({every_hour()});
    at.ci.clock.advance(3h);
    at.schedules = at.load();
    CHECK(at.look().empty());
    const auto ticks = at.ticks();
    REQUIRE(ticks.size() == 3);
    for (const auto& row : ticks) {
        CHECK(row.state == "skipped");
        CHECK(row.reason == "missed: the server did not run then, and `catchup` is none");
    }
}

TEST_CASE("`catchup: all` runs one after the other, at most fifty", "[schedules]") {
    Clockwork at;
    auto schedule = every_hour();
    schedule.catchup = Catchup::all;
    at.push({schedule});
    at.ci.clock.advance(60h);
    std::int64_t last = 0;
    for (int i = 0; i < 50; ++i) {
        const auto due = at.look();
        REQUIRE(due.size() == 1);
        CHECK(due[0].tick.slot.ms > last);
        last = due[0].tick.slot.ms;
        at.fire(due[0]);
        CHECK(at.look().empty());  // the run is active
        at.end_run();
    }
    CHECK(at.look().empty());
}

TEST_CASE("a tick beside an active run is skipped, or waits with `overlap: queue`", "[schedules]") {
    Clockwork at;
    auto schedule = every_hour();
    const bool queues = GENERATE(false, true);
    if (queues) schedule.overlap = Overlap::queue;
    at.push({schedule});
    at.ci.clock.advance(47min);
    at.fire(at.look().at(0));
    at.ci.clock.advance(1h);
    CHECK(at.look().empty());
    if (queues) {
        CHECK(at.ticks().at(1).state == "due");
        at.end_run();
        CHECK(at.look().size() == 1);
        return;
    }
    CHECK(at.ticks().at(1).reason == "run #1 of the tick before was still active");
    at.end_run();
    CHECK(at.look().empty());
}

TEST_CASE("a push changes schedules: what it changes counts from then on", "[schedules]") {
    Clockwork at;
    at.push({every_hour(), {.name = "other", .cron = "@daily"}});
    at.ci.clock.advance(40min);
    at.push({every_hour()});  // unchanged; the other is gone
    at.ci.clock.advance(7min);
    CHECK(at.look().size() == 1);
    at.ci.clock.advance(24h);
    at.push({every_hour(), {.name = "other", .cron = "@daily"}});
    CHECK(at.ticks(2).empty());
    auto twice = every_hour();
    twice.cron = "0,30 * * * *";
    at.push({twice});
    CHECK(
        at.schedules
            ->outlook(
                {{1}, at.ci.project, "hourly", json::serialize(schedule::to_json(twice)), {}, true})
            .next->time == "23:30");
}

TEST_CASE("a schedule whose time zone this machine lacks says so and does not fire",
          "[schedules]") {
    Clockwork at;
    auto schedule = every_hour();
    schedule.timezone = "Middle/Earth";
    at.push({schedule});
    at.ci.clock.advance(2h);
    CHECK_FALSE(at.schedules->tick_over());
    const auto row = at.ci.write([&](store::Tx& tx) -> Result<store::ScheduleRow> {
        return store::find_schedule(tx, {1}).value();
    });
    CHECK(at.schedules->outlook(row).problem ==
          "the tz database of this machine has no zone `Middle/Earth`");
}

TEST_CASE("a tick that fails again and again is given up", "[schedules]") {
    Clockwork at;
    at.push({every_hour()});
    at.ci.clock.advance(47min);
    for (int i = 0; i < 5; ++i) REQUIRE(at.look().size() == 1);
    CHECK(at.look().empty());
    CHECK(at.ticks().at(0).reason == "given up after 5 attempts");
}

TEST_CASE("the machine's tz database knows the rules of a place", "[schedules]") {
    const auto berlin = timezone::find("Europe/Berlin").value();
    CHECK(berlin(1'774'745'999).offset == 3600);
    CHECK(berlin(1'774'745'999).end == 1'774'746'000);
    CHECK(berlin(1'774'746'000).offset == 7200);
    CHECK(timezone::find("Nowhere").error().id == "timezone_unknown");
}
