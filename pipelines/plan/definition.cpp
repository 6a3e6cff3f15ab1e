#include "pipelines/plan/definition.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/plan/hash.hpp"

namespace sluice::plan {
namespace {

using config::Member;
using config::Node;

/// Unambiguous: every text is preceded by its length.
void write(const Node& node, std::string& out) {
    out += static_cast<char>('a' + static_cast<int>(node.kind));
    out += std::to_string(node.text.size()) + ":" + node.text;
    out += std::to_string(node.items.size()) + ",";
    for (const Node& item : node.items) write(item, out);
    out += std::to_string(node.members.size()) + ",";
    for (const Member& member : node.members) {
        out += std::to_string(member.name.size()) + ":" + member.name;
        write(member.value, out);
    }
}

}  // namespace

std::string definition_of(const LowerInput& open, const Matrix& matrix,
                          const config::Diagnostics& diagnostics) {
    std::string text;
    write(open.job.node, text);
    for (const int call : open.calls.chain(open.job.call)) write(open.calls.at(call).node, text);
    for (const int call : open.job.step_calls) write(open.calls.at(call).node, text);
    Cell probe;
    for (const auto& [name, everywhere] : matrix.names)
        if (everywhere) probe.values[name] = "x";
    LowerInput in{open.input, open.calls,    open.job, probe,           open.trigger_paths,
                  open.needs, open.optional, nullptr,  open.run_params, open.params};
    // What is wrong with the stand-in is nobody's mistake.
    config::Diagnostics scratch = diagnostics;
    if (const auto planned = lower(in, scratch)) text += json::serialize(to_json(*planned));
    return digest256(text);
}

}  // namespace sluice::plan
