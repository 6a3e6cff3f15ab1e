// Bytes as `.ci.yml` → a tree within its limits or a diagnostic, never both nothing; places lie
// inside the file.
#include "pipelines/base/text.hpp"
#include "pipelines/config/document.hpp"

#include <cstdint>
#include <cstdlib>

using namespace sluice;
using namespace sluice::config;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

std::size_t count(const Node& node, int depth) {
    require(depth <= k_max_depth);
    std::size_t nodes = 1;
    for (const Node& item : node.items) nodes += count(item, depth + 1);
    for (const Member& member : node.members) {
        require(!text::find_invalid_utf8(member.name));
        nodes += count(member.value, depth + 1);
    }
    require(node.kind == Node::Kind::scalar || node.kind == Node::Kind::null || node.text.empty());
    return nodes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    Diagnostics diagnostics;
    const int file = diagnostics.add_file(".ci.yml", without_bom(text));
    const auto root = parse_document(file, diagnostics);
    require(root.has_value() || diagnostics.has_errors());
    // Twice the budget: `<<` copies members of maps that aliases have paid for once.
    if (root) require(count(*root, 1) <= 2 * k_max_nodes);
    for (const Diagnostic& d : diagnostics.take()) {
        require(!d.id.empty() && !d.message.empty());
        require(d.line >= 0 && d.column >= 0 && (d.line == 0) == (d.column == 0));
        require(!text::find_invalid_utf8(format(d)));
        require(d.line == 0 || static_cast<std::size_t>(d.column) <= size + 1);
    }
    return 0;
}
