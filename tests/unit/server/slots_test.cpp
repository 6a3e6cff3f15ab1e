#include "server/core/slots.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using core::decide_slots;
using core::SlotUser;
using model::ConcurrencyPolicy;

namespace {

using Indices = std::vector<std::size_t>;

SlotUser user(std::int64_t run, ConcurrencyPolicy policy = ConcurrencyPolicy::queue,
              int limit = 1) {
    SlotUser made;
    made.run = {run};
    made.asked = {"g", policy, limit};
    return made;
}
SlotUser holder(SlotUser made, bool running = true) {
    made.holds = true;
    made.running = running;
    return made;
}

}  // namespace

TEST_CASE("a free slot goes to the run that came first", "[slots]") {
    const std::vector users{user(1), user(2)};
    const auto decided = decide_slots(users);
    CHECK(decided.granted == Indices{0});
    CHECK(decided.superseded.empty());
}

TEST_CASE("a taken slot lets the others wait, up to the limit", "[slots]") {
    CHECK(decide_slots(std::vector{holder(user(1)), user(2)}).granted.empty());
    const std::vector two{holder(user(1, ConcurrencyPolicy::queue, 2)),
                          user(2, ConcurrencyPolicy::queue, 2),
                          user(3, ConcurrencyPolicy::queue, 2)};
    CHECK(decide_slots(two).granted == Indices{1});
}

TEST_CASE("newest keeps one waiter and leaves what runs alone", "[slots]") {
    const auto policy = ConcurrencyPolicy::newest;
    const auto decided = decide_slots(
        std::vector{holder(user(1, policy)), user(2, policy), user(3, policy), user(4, policy)});
    CHECK(decided.superseded == Indices{1, 2});
    CHECK(decided.interrupted.empty());
    CHECK(decided.granted.empty());
}

TEST_CASE("cancel_running stops what runs and takes the place of what only holds", "[slots]") {
    const auto policy = ConcurrencyPolicy::cancel_running;
    SECTION("running: asked to stop, the new one waits for its end") {
        const auto decided = decide_slots(std::vector{holder(user(1, policy)), user(2, policy)});
        CHECK(decided.interrupted == Indices{0});
        CHECK(decided.granted.empty());
    }
    SECTION("asked already: not asked again") {
        auto old = holder(user(1, policy));
        old.stopping = true;
        const auto decided = decide_slots(std::vector{old, user(2, policy)});
        CHECK(decided.interrupted.empty());
        CHECK(decided.granted.empty());
    }
    SECTION("not started yet: ended at once") {
        const auto decided =
            decide_slots(std::vector{holder(user(1, policy), false), user(2, policy)});
        CHECK(decided.superseded == Indices{0});
        CHECK(decided.granted == Indices{1});
    }
    SECTION("not interruptible: left alone") {
        auto old = holder(user(1, policy));
        old.interruptible = false;
        const auto decided = decide_slots(std::vector{old, user(2, policy)});
        CHECK(decided.interrupted.empty());
        CHECK(decided.superseded.empty());
        CHECK(decided.granted.empty());
    }
}

TEST_CASE("an older run that asks late gives way to a newer holder", "[slots]") {
    const auto policy = ConcurrencyPolicy::cancel_running;
    const auto decided = decide_slots(std::vector{user(1, policy), holder(user(2, policy))});
    CHECK(decided.superseded == Indices{0});
}

TEST_CASE("jobs of one run wait for each other", "[slots]") {
    const auto policy = ConcurrencyPolicy::cancel_running;
    const auto decided = decide_slots(std::vector{holder(user(1, policy)), user(1, policy)});
    CHECK(decided.superseded.empty());
    CHECK(decided.interrupted.empty());
    CHECK(decided.granted.empty());
}

TEST_CASE("a run that needs an approval takes no slot and ends nobody's wait", "[slots]") {
    const auto policy = ConcurrencyPolicy::cancel_running;
    auto parked = user(2, policy);
    parked.parked = true;
    auto decided = decide_slots(std::vector{holder(user(1, policy)), parked});
    CHECK(decided.interrupted.empty());
    CHECK(decided.granted.empty());
    decided = decide_slots(std::vector{user(1, policy), parked, user(3)});
    CHECK(decided.granted == Indices{0});
    CHECK(decided.superseded.empty());
    decided = decide_slots(std::vector{parked, user(3, policy)});
    CHECK(decided.superseded == Indices{0});
    CHECK(decided.granted == Indices{1});
}
