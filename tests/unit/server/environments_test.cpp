#include "server/core/environments.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::core;

namespace {

Demands demands(std::vector<Demand> people) {
    Demands out;
    out.people = std::move(people);
    return out;
}

}  // namespace

TEST_CASE("a demand counts different people who may", "[environments]") {
    const Demands two = demands({{{"write"}, 2}});
    const store::Vote ann{"ann", "write"}, bob{"bob", "admin"}, eve{"eve", "read"};
    CHECK(unmet(two, {}).at(0).count == 2);
    CHECK(unmet(two, {ann}).at(0).count == 1);
    CHECK(unmet(two, {ann, eve}).at(0).count == 1);
    CHECK(unmet(two, {ann, bob}).empty());
    CHECK(may_decide(two, ann));
    CHECK_FALSE(may_decide(two, eve));
}

TEST_CASE("each demand is met on its own", "[environments]") {
    const Demands both = demands({{{"ann"}, 1}, {{"admin"}, 1}});
    const store::Vote ann{"ann", "read"}, admin{"root", "admin"};
    CHECK(unmet(both, {admin}).size() == 1);
    CHECK(unmet(both, {ann}).at(0).by == std::vector<std::string>{"admin"});
    CHECK(unmet(both, {ann, admin}).empty());
    CHECK(may_decide(both, ann));
    CHECK_FALSE(may_decide(both, {"bob", "write"}));
}

TEST_CASE("without demands someone with the role write decides", "[environments]") {
    CHECK(may_decide({}, {"ann", "write"}));
    CHECK_FALSE(may_decide({}, {"ann", "read"}));
    CHECK(unmet({}, {}).empty());
}

TEST_CASE("demands are told in words", "[environments]") {
    CHECK(to_words({{{}, 1}}) == "an approval by someone with the role write");
    CHECK(to_words({{{"admin", "ann"}, 2}, {{"bob"}, 1}}) ==
          "2 approvals by admin, ann and an approval by bob");
}
