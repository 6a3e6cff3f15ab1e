#include "pipelines/config/node.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

namespace sluice::config {

const Member* Node::member(std::string_view key) const {
    for (const Member& candidate : members)
        if (candidate.name == key) return &candidate;
    return nullptr;
}

const Node* Node::find(std::string_view key) const {
    const Member* found = member(key);
    return found == nullptr ? nullptr : &found->value;
}

std::size_t weight(const Node& node) {
    std::size_t total = 1 + node.text.size() / 16;
    for (const Node& item : node.items) total += weight(item);
    for (const Member& member : node.members)
        total += 1 + member.name.size() / 16 + weight(member.value);
    return total;
}

std::string describe(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return "nothing (null)";
        case Node::Kind::list: return "a list";
        case Node::Kind::map: return "a map";
        case Node::Kind::scalar: break;
    }
    return fmt::format("`{}`", shown(text::trim(node.text)));
}

std::string shown(std::string_view text) {
    std::string out = text::sanitize_utf8(text, 60);
    const bool is_cut = out.size() < text.size();
    for (char& c : out)
        if (c == '\n' || c == '\t') c = ' ';
    return is_cut ? out + "…" : out;
}

}  // namespace sluice::config
