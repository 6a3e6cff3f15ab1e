#include "pipelines/protocol/agent_log.hpp"

#include "pipelines/model/wire.hpp"

namespace sluice::protocol {

namespace {
namespace wire = model::wire;
}

json::Value to_json(const AgentLogLines& value) {
    return json::Object{{"session", wire::text(value.session)},
                        {"first", value.first},
                        {"lines", wire::strings(value.lines)}};
}

Result<AgentLogLines> parse_agent_log(const json::Value& value) {
    json::ObjectReader in(value, "");
    AgentLogLines out;
    out.session = in.string("session", 128);
    out.first = in.integer("first", 0, wire::k_max_integer / 2);
    out.lines = in.strings_or_empty("lines", k_agent_log_lines);
    for (std::string& line : out.lines)
        if (line.size() > k_agent_log_line_max) line.resize(k_agent_log_line_max);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

json::Value to_json(const AgentLogTaken& value) {
    return json::Object{{"next", value.next}};
}

Result<AgentLogTaken> parse_agent_log_taken(const json::Value& value) {
    json::ObjectReader in(value, "");
    AgentLogTaken out{in.integer("next", 0, wire::k_max_integer)};
    SLUICE_CHECK(in.finish_strict());
    return out;
}

}  // namespace sluice::protocol
