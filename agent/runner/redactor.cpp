#include "agent/runner/redactor.hpp"

#include <algorithm>

namespace sluice::agent {

namespace {

constexpr std::string_view k_mask = "***";

}  // namespace

Redactor::Redactor() : nodes_(1) {}

std::uint32_t Redactor::child_of(std::uint32_t node, unsigned char byte) const {
    if (node == 0) return first_[byte];
    std::uint32_t child = nodes_[node].child;
    while (child != 0 && nodes_[child].byte != byte) child = nodes_[child].sibling;
    return child;
}

std::uint32_t Redactor::step(std::uint32_t node, unsigned char byte) const {
    while (true) {
        const std::uint32_t child = child_of(node, byte);
        if (child != 0 || node == 0) return child;
        node = nodes_[node].fail;
    }
}

void Redactor::add(const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns) {
        std::uint32_t node = 0;
        for (const char c : pattern) {
            const auto byte = static_cast<unsigned char>(c);
            std::uint32_t child = child_of(node, byte);
            if (child == 0) {
                child = static_cast<std::uint32_t>(nodes_.size());
                Node fresh;
                fresh.byte = byte;
                fresh.depth = nodes_[node].depth + 1;
                if (node == 0) {
                    first_[byte] = child;
                } else {
                    fresh.sibling = nodes_[node].child;
                    nodes_[node].child = child;
                }
                nodes_.push_back(fresh);
            }
            node = child;
        }
        nodes_[node].longest = std::max(nodes_[node].longest, nodes_[node].depth);
    }
    link();
}

void Redactor::link() {
    std::vector<std::uint32_t> level;
    for (const std::uint32_t child : first_)
        if (child != 0) {
            nodes_[child].fail = 0;
            level.push_back(child);
        }
    // By depth: a node's fail is shallower than it, so it is complete.
    for (std::size_t at = 0; at < level.size(); ++at) {
        const std::uint32_t node = level[at];
        for (std::uint32_t child = nodes_[node].child; child != 0; child = nodes_[child].sibling) {
            nodes_[child].fail = step(nodes_[node].fail, nodes_[child].byte);
            nodes_[child].longest =
                std::max(nodes_[child].longest, nodes_[nodes_[child].fail].longest);
            level.push_back(child);
        }
    }
}

void Redactor::release(State& state, std::string& held, std::vector<bool>& masked,
                       std::size_t count, std::string& out) {
    for (std::size_t i = 0; i < count; ++i) {
        if (!masked[i])
            out += held[i];
        else if (!state.in_mask)
            out += k_mask;
        state.in_mask = masked[i];
    }
    held.erase(0, count);
    masked.erase(masked.begin(), masked.begin() + static_cast<std::ptrdiff_t>(count));
}

void Redactor::run(State& state, std::string& held, std::vector<bool>& masked,
                   std::string_view bytes, std::string& out) const {
    while (!bytes.empty()) {
        // Most bytes begin no secret: they go out as they are.
        if (state.node == 0) {
            release(state, held, masked, held.size(), out);
            const auto begin = std::find_if(bytes.begin(), bytes.end(), [this](char c) {
                return first_[static_cast<unsigned char>(c)] != 0;
            });
            if (begin != bytes.begin()) {
                state.in_mask = false;
                out.append(bytes.begin(), begin);
                bytes.remove_prefix(static_cast<std::size_t>(begin - bytes.begin()));
                continue;
            }
        }
        held += bytes.front();
        masked.push_back(false);
        state.node = step(state.node, static_cast<unsigned char>(bytes.front()));
        bytes.remove_prefix(1);
        const std::size_t found = std::min<std::size_t>(nodes_[state.node].longest, held.size());
        std::fill(masked.end() - static_cast<std::ptrdiff_t>(found), masked.end(), true);
        // No pattern that is still open begins before the last `depth` bytes.
        const std::size_t open = nodes_[state.node].depth;
        if (held.size() > open) release(state, held, masked, held.size() - open, out);
    }
}

std::string_view Redactor::feed(std::string_view bytes) {
    if (empty()) return bytes;
    out_.clear();
    run(state_, held_, masked_, bytes, out_);
    return out_;
}

std::string_view Redactor::flush() {
    out_.clear();
    release(state_, held_, masked_, held_.size(), out_);
    state_ = {};
    return out_;
}

std::string Redactor::mask(std::string_view text) const {
    if (empty()) return std::string(text);
    State state;
    std::string held, out;
    std::vector<bool> masked;
    run(state, held, masked, text, out);
    release(state, held, masked, held.size(), out);
    return out;
}

void Redactor::mask(json::Value& value) const {
    if (empty()) return;
    if (auto* text = value.if_string()) {
        std::string masked = mask(std::string_view(text->data(), text->size()));
        if (masked.size() != text->size() || masked != std::string_view(text->data(), text->size()))
            *text = masked;
    }
    if (auto* array = value.if_array())
        for (auto& item : *array) mask(item);
    if (auto* object = value.if_object())
        for (auto& member : *object) mask(member.value());
}

}  // namespace sluice::agent
