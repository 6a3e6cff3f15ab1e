#include "server/core/trust.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using core::is_trusted;
using core::tier_of;
using model::EventKind;
using model::Tier;

namespace {

model::Event event(EventKind kind, std::string branch = "", std::string tag = "") {
    model::Event out;
    out.kind = kind;
    out.branch = std::move(branch);
    out.tag = std::move(tag);
    return out;
}

model::Event pull_request(bool fork) {
    auto out = event(EventKind::pull_request);
    out.pull_request.emplace();
    out.pull_request->target_branch = "main";
    out.pull_request->source_branch = "main";  // a fork's branch may have any name
    out.pull_request->fork = fork;
    return out;
}

const store::Policy k_policy{{"release/*", "!release/old"}, {"v*"}};

Tier tier(const model::Event& of) {
    return tier_of(of, k_policy, "main");
}

}  // namespace

TEST_CASE("the tier comes from the event and the project's policy", "[trust]") {
    CHECK(tier(pull_request(true)) == Tier::t0);
    CHECK(tier(pull_request(false)) == Tier::t1);
    CHECK(tier(event(EventKind::merge_queue)) == Tier::t1);
    for (auto kind :
         {EventKind::push, EventKind::manual, EventKind::schedule, EventKind::dataset}) {
        CHECK(tier(event(kind, "topic")) == Tier::t2);
        CHECK(tier(event(kind, "main")) == Tier::t3);
        CHECK(tier(event(kind, "release/2")) == Tier::t3);
        CHECK(tier(event(kind, "release/old")) == Tier::t2);
        CHECK(tier(event(kind, "release/2/topic")) == Tier::t2);
    }
    CHECK(tier(event(EventKind::tag, "", "v1")) == Tier::t3);
    CHECK(tier(event(EventKind::tag, "", "nightly")) == Tier::t2);
    CHECK(tier(event(EventKind::tag, "", "main")) == Tier::t2);  // a tag is no branch
    CHECK(tier(event(EventKind::manual)) == Tier::t2);           // a bare commit is on no branch
}

TEST_CASE("the default branch is protected by itself, also against the policy", "[trust]") {
    CHECK(tier_of(event(EventKind::push, "main"), {}, "main") == Tier::t3);
    CHECK(tier_of(event(EventKind::push, "main"), {{"**", "!main"}, {}}, "main") == Tier::t3);
}

TEST_CASE("trusted is T1 and above, and no fork whoever approved it", "[trust]") {
    CHECK_FALSE(is_trusted(Tier::t0, pull_request(true)));
    CHECK_FALSE(is_trusted(Tier::t1, pull_request(true)));
    CHECK_FALSE(is_trusted(Tier::t3, pull_request(true)));
    CHECK(is_trusted(Tier::t1, pull_request(false)));
    CHECK(is_trusted(Tier::t3, event(EventKind::push, "main")));
}
