#include "server/core/secret_grants.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using core::GrantCase;
using core::refusal;
using model::EventKind;
using model::Tier;

namespace {

store::Secret secret(std::vector<std::string> events = {}, std::vector<std::string> branches = {}) {
    store::Secret out;
    out.name = "a/b";
    out.events = std::move(events);
    out.branches = std::move(branches);
    return out;
}

GrantCase push(const std::string& branch, Tier tier, bool is_protected) {
    GrantCase out;
    out.event.kind = EventKind::push;
    out.event.branch = branch;
    out.tier = tier;
    out.ref_protected = is_protected;
    return out;
}

GrantCase proposal(const std::string& target, bool fork, bool is_protected, Tier tier = Tier::t1) {
    GrantCase out;
    out.event.kind = EventKind::pull_request;
    out.event.pull_request.emplace();
    out.event.pull_request->source_branch = "topic";
    out.event.pull_request->target_branch = target;
    out.event.pull_request->fork = fork;
    out.tier = tier;
    out.ref_protected = is_protected;
    return out;
}

bool given(const store::Secret& secret, const GrantCase& asked) {
    return refusal(secret, asked).empty();
}

}  // namespace

TEST_CASE("without a word a secret is for protected branches and tags", "[secrets]") {
    CHECK(given(secret(), push("main", Tier::t3, true)));
    CHECK_FALSE(given(secret(), push("topic", Tier::t2, false)));
    CHECK_FALSE(given(secret(), proposal("main", false, true)));
    GrantCase tag;
    tag.event.kind = EventKind::tag;
    tag.event.tag = "v1";
    tag.tier = Tier::t3;
    CHECK(given(secret(), tag));
    CHECK_FALSE(given(secret({}, {"v*"}), tag));
    tag.tier = Tier::t2;
    CHECK_FALSE(given(secret(), tag));
}

TEST_CASE("no scope gives a secret to a fork", "[secrets]") {
    const auto wide = secret({"pull_request", "push"}, {"**"});
    CHECK(given(wide, proposal("main", false, true)));
    CHECK_FALSE(given(wide, proposal("main", true, true)));
    CHECK_FALSE(given(wide, proposal("main", true, true, Tier::t3)));
    CHECK_FALSE(given(wide, proposal("main", false, true, Tier::t0)));
    CHECK_FALSE(given(wide, push("main", Tier::t0, true)));
}

TEST_CASE("the name of a protected branch is not enough", "[secrets]") {
    const auto named = secret({}, {"main", "topic/*"});
    CHECK(given(named, push("main", Tier::t3, true)));
    CHECK_FALSE(given(named, push("main", Tier::t2, true)));
    CHECK(given(named, push("topic/1", Tier::t2, false)));
    CHECK_FALSE(given(named, push("other", Tier::t2, false)));
}

TEST_CASE("a proposal is compared by its target", "[secrets]") {
    CHECK(given(secret({"pull_request"}), proposal("main", false, true)));
    CHECK_FALSE(given(secret({"pull_request"}), proposal("topic", false, false)));
    CHECK(given(secret({"pull_request"}, {"release/*"}), proposal("release/1", false, false)));
    CHECK_FALSE(given(secret({"push"}), proposal("main", false, true)));
    CHECK_FALSE(given(secret({"push"}), [] {
        auto by_hand = push("main", Tier::t3, true);
        by_hand.event.kind = EventKind::manual;
        return by_hand;
    }()));
    GrantCase queue;
    queue.event.kind = EventKind::merge_queue;
    queue.event.queue = model::QueueEntry{{7}, 1, "main"};
    queue.tier = Tier::t1;
    queue.ref_protected = core::is_ref_protected(queue.event, {}, "main");
    CHECK(queue.ref_protected);
    CHECK(given(secret({"merge_queue"}), queue));
    CHECK_FALSE(given(secret(), queue));
}
