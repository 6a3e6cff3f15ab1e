// Somebody sets the wall clock, by a year: nobody's work is lost for it (rule 9). Schedules are in
// schedules_test.cpp, identity tokens in id_tokens_test.cpp.
#include "server/core/blob_keeper.hpp"
#include "server/store/packs.hpp"
#include "tests/unit/server/ci_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration k_year{365LL * 24 * 3'600'000};
constexpr Duration k_day{24 * 3'600'000};

void carry_out(boost::asio::awaitable<void> work) {
    boost::asio::io_context io;
    auto busy = boost::asio::make_work_guard(io);
    std::exception_ptr thrown;
    boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr failed) {
        thrown = failed;
        busy.reset();
    });
    io.run();
    if (thrown) std::rethrow_exception(thrown);
}

JobBuilder approved(std::string id) {
    JobBuilder out = job(std::move(id));
    out.planned.spec.approval.emplace();
    out.planned.spec.approval->expires = k_day;
    return out;
}

struct Swept : Fixture {
    core::Sweeper sweeper{{*writer, lifecycle, leases, service, clock}};
    void sweep() { carry_out(sweeper.sweep(false)); }
};

struct Kept : Fixture {
    runtime::Pool disk{"disk", 1};
    blobs::BlobStore blobs{folder.path / "blobs"};
    store::Readers readers{(folder.path / "ci.db").string(), 1};
    core::BlobKeeper keeper{{*writer, readers, disk, blobs, clock}};
    void round() { carry_out(keeper.round(false)); }

    std::int64_t packs() {
        return write([](store::Tx& tx) -> Result<std::int64_t> {
            return std::get<0>(*tx.one<std::int64_t>("SELECT count(*) FROM packs"));
        });
    }
    void keep_for(Duration life) {
        write([&](store::Tx& tx) -> Result<bool> {
            store::Pack pack;
            pack.project = project;
            pack.attempt = AttemptId{1};
            pack.content.name = "made";
            pack.created_at = clock.now();
            pack.expires_at = clock.now().ms + life.count();
            store::insert_pack(tx, pack);
            return true;
        });
    }
};

}  // namespace

TEST_CASE("leases go by service time: a wall clock that is set ends and keeps none", "[clock]") {
    for (const Duration by : {k_year, -k_year}) {
        Fixture ci;
        const RunId run = ci.run({job("a")});
        const auto lease = ci.started();
        ci.clock.set_wall(by);
        ci.pass(5s);
        CHECK(ci.state(run, "a") == model::JobState::running);
        CHECK(ci.leases.find(lease.attempt).has_value());
        // Silence for a lease and a bit, in service time, is what ends it.
        ci.pass(70s);
        CHECK(ci.state(run, "a") == model::JobState::ready);
    }
}

TEST_CASE("a retry's back-off goes by service time, too", "[clock]") {
    Fixture ci;
    const RunId run = ci.run({job("a")});
    auto lease = ci.started();
    REQUIRE(ci.finish(lease, errored(model::Cause::runner_lost)).has_value());
    ci.clock.set_wall(k_year);
    CHECK(ci.claim({}).empty());
    ci.clock.set_wall(-2 * k_year);
    ci.pass(40s);
    CHECK(ci.claim({}).size() == 1);
    CHECK(ci.state(run, "a") == model::JobState::ready);
}

TEST_CASE("an approval is not over because the clock was set", "[clock]") {
    Swept ci;
    const RunId run = ci.run({approved("deploy")});
    REQUIRE(ci.state(run, "deploy") == model::JobState::held);
    ci.sweep();
    ci.clock.set_wall(k_year);
    ci.sweep();
    CHECK(ci.state(run, "deploy") == model::JobState::held);
    ci.clock.advance(30min);
    ci.sweep();
    ci.clock.set_wall(-k_year);
    ci.sweep();
    ci.clock.advance(2h);
    ci.sweep();
    CHECK(ci.state(run, "deploy") == model::JobState::held);
    // A clock that stays where it was set is believed in the end.
    ci.clock.advance(k_day);
    ci.sweep();
    CHECK(ci.state(run, "deploy") == model::JobState::cancelled);
}

TEST_CASE("an approval is over in time when the clock only goes on", "[clock]") {
    Swept ci;
    const RunId run = ci.run({approved("deploy")});
    ci.clock.advance(k_day + 1s);
    ci.sweep();
    CHECK(ci.state(run, "deploy") == model::JobState::cancelled);
}

TEST_CASE("no artifact is thrown away because the clock was set", "[clock]") {
    Kept ci;
    ci.keep_for(k_day);
    ci.round();
    ci.clock.set_wall(k_year);
    ci.round();
    CHECK(ci.packs() == 1);
    ci.clock.advance(30min);
    ci.clock.set_wall(-k_year);
    ci.round();
    ci.clock.advance(2h);
    ci.round();
    CHECK(ci.packs() == 1);
    ci.clock.advance(k_day);
    ci.round();
    CHECK(ci.packs() == 0);
}

TEST_CASE("a clock that was set and stays is believed after an hour", "[clock]") {
    Kept ci;
    ci.keep_for(k_day);
    ci.clock.set_wall(2 * k_day);
    ci.round();
    CHECK(ci.packs() == 1);
    ci.clock.advance(core::ClockGuard::k_rest);
    ci.round();
    CHECK(ci.packs() == 0);
}

TEST_CASE("small corrections of the clock are no jump", "[clock]") {
    TestClock clock;
    core::ClockGuard guard(clock);
    for (int i = 0; i < 100; ++i) {
        clock.set_wall(i % 2 == 0 ? 50s : -40s);
        CHECK(guard.settled());
    }
}
