#include "pipelines/model/job_state.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>

using namespace sluice;
using namespace sluice::model;

TEST_CASE("the whole table of job states", "[job_state]") {
    using S = JobState;
    using E = JobEvent;
    // Everything that is not listed is refused.
    const std::map<std::pair<S, E>, S> table{
        {{S::waiting, E::needs_met}, S::ready},       {{S::waiting, E::hold}, S::held},
        {{S::waiting, E::deselect}, S::not_selected}, {{S::waiting, E::block}, S::blocked},
        {{S::waiting, E::cancel}, S::cancelled},      {{S::waiting, E::error}, S::errored},
        {{S::waiting, E::fail}, S::failed},           {{S::held, E::approve}, S::ready},
        {{S::held, E::cancel}, S::cancelled},         {{S::held, E::error}, S::errored},
        {{S::ready, E::start}, S::running},           {{S::ready, E::cancel}, S::cancelled},
        {{S::ready, E::error}, S::errored},           {{S::running, E::requeue}, S::ready},
        {{S::running, E::pass}, S::passed},           {{S::running, E::warn}, S::warned},
        {{S::running, E::fail}, S::failed},           {{S::running, E::error}, S::errored},
        {{S::running, E::cancel}, S::cancelled},
    };
    for (std::size_t s = 0; s < EnumNames<S>::names.size(); ++s) {
        for (std::size_t e = 0; e < EnumNames<E>::names.size(); ++e) {
            const auto from = static_cast<S>(s);
            const auto event = static_cast<E>(e);
            CAPTURE(to_text(from), to_text(event));
            const auto expected = table.find({from, event});
            const auto got = next_state(from, event);
            CHECK(got.has_value() == (expected != table.end()));
            if (got && expected != table.end()) CHECK(*got == expected->second);
        }
    }
}

TEST_CASE("terminal states never change, and every other state can reach one", "[job_state]") {
    std::set<JobState> terminal;
    for (std::size_t s = 0; s < EnumNames<JobState>::names.size(); ++s) {
        const auto state = static_cast<JobState>(s);
        bool moves = false;
        for (std::size_t e = 0; e < EnumNames<JobEvent>::names.size(); ++e)
            moves = moves || next_state(state, static_cast<JobEvent>(e)).has_value();
        CHECK(moves != is_terminal(state));
        if (!is_terminal(state)) CHECK(next_state(state, JobEvent::cancel) == JobState::cancelled);
    }
}

TEST_CASE("a need is satisfied by passed, warned and not_selected alone", "[job_state]") {
    std::string ok;
    for (std::size_t s = 0; s < EnumNames<JobState>::names.size(); ++s)
        if (is_ok(static_cast<JobState>(s))) ok += std::string(EnumNames<JobState>::names[s]) + " ";
    CHECK(ok == "passed warned not_selected ");
}

TEST_CASE("names of states go there and back", "[job_state]") {
    CHECK(to_text(JobState::not_selected) == "not_selected");
    CHECK(parse_enum<JobState>("blocked") == JobState::blocked);
    CHECK_FALSE(parse_enum<JobState>("Blocked"));
}
