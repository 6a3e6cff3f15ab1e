#include "server/core/agent_logs.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using core::AgentLogs;

TEST_CASE("lines of a daemon are kept once each, the newest of them", "[agents]") {
    AgentLogs logs;
    const AgentId agent{1};
    CHECK(logs.take(agent, {"s", 0, {"a", "b"}}).next == 2);
    CHECK(logs.take(agent, {"s", 1, {"b", "c"}}).next == 3);
    CHECK(logs.lines(agent) == std::vector<std::string>{"a", "b", "c"});
    CHECK(logs.lines(AgentId{2}).empty());
    CHECK(logs.take(agent, {"s", 3, std::vector<std::string>(499, "d")}).next == 502);
    CHECK(logs.lines(agent).size() == protocol::k_agent_log_lines);
    CHECK(logs.lines(agent).front() == "c");
}

TEST_CASE("a server that knows nothing of a session asks for all its lines, once", "[agents]") {
    AgentLogs logs;
    const AgentId agent{1};
    CHECK(logs.take(agent, {"s", 7, {"h"}}).next == 0);
    // The daemon's oldest may not be its first any more.
    CHECK(logs.take(agent, {"s", 2, {"c", "d"}}).next == 4);
    CHECK(logs.lines(agent) == std::vector<std::string>{"c", "d"});
    // The next daemon counts anew; what the last one said stays.
    CHECK(logs.take(agent, {"t", 0, {"x"}}).next == 1);
    CHECK(logs.lines(agent) == std::vector<std::string>{"c", "d", "x"});
}

TEST_CASE("of machines without number the logs that were written last are kept", "[agents]") {
    AgentLogs logs;
    const auto most = static_cast<std::int64_t>(AgentLogs::k_agents);
    for (std::int64_t id = 1; id <= most; ++id) logs.take(AgentId{id}, {"s", 0, {"a"}});
    logs.take(AgentId{1}, {"s", 1, {"b"}});
    logs.take(AgentId{most + 1}, {"s", 0, {"new"}});
    CHECK(logs.lines(AgentId{1}).size() == 2);
    CHECK(logs.lines(AgentId{2}).empty());
    CHECK(logs.lines(AgentId{3}).size() == 1);
    CHECK(logs.lines(AgentId{most + 1}) == std::vector<std::string>{"new"});
}

TEST_CASE("a daemon's line is cut, not refused, when it is long", "[agents]") {
    const protocol::AgentLogLines lines{"s", 0, {std::string(10'000, 'x'), "short"}};
    const auto parsed = protocol::parse_agent_log(to_json(lines)).value();
    CHECK(parsed.lines.at(0).size() == protocol::k_agent_log_line_max);
    CHECK(parsed.lines.at(1) == "short");
}
