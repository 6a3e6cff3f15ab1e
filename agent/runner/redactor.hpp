#pragma once
/// Masks secrets in streams and texts: every form of every secret that was added becomes `***`.
/// What comes out does not depend on how the bytes were cut into pieces. One thread.

#include "pipelines/base/json.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::agent {

/// The forms under which a secret is looked for: as it is, each of its lines, quoted for shells,
/// escaped for JSON and URLs, base64 (both alphabets, at any offset of other text, broken into
/// lines or not), hex. None has fewer than 6 bytes.
std::vector<std::string> forms_of(std::string_view secret);

/// Finds all occurrences of many patterns in one pass (Aho-Corasick).
class Redactor {
public:
    Redactor();
    /// Before the first byte is fed; forms are the caller's business.
    void add(const std::vector<std::string>& patterns);
    bool empty() const { return nodes_.size() == 1; }

    /// The bytes that are certain now; a beginning of a secret is held back until more comes or
    /// flush(). The view is good until the next call.
    std::string_view feed(std::string_view bytes);
    /// What was held back, at the end of a stream.
    std::string_view flush();
    bool holds_back() const { return !held_.empty(); }

    /// A whole text, beside the stream.
    std::string mask(std::string_view text) const;
    /// All texts in a JSON value, not the names of members.
    void mask(json::Value& value) const;

private:
    struct Node {
        std::uint32_t child = 0, sibling = 0;  ///< 0 = none: the root is nobody's child
        std::uint32_t fail = 0;
        std::uint32_t longest = 0;  ///< of the patterns that end here
        std::uint32_t depth = 0;
        unsigned char byte = 0;
    };
    /// Where in a stream we are.
    struct State {
        std::uint32_t node = 0;
        bool in_mask = false;  ///< the last byte that came out was masked
    };

    std::uint32_t child_of(std::uint32_t node, unsigned char byte) const;
    std::uint32_t step(std::uint32_t node, unsigned char byte) const;
    void link();
    /// Moves what is certain from `held` to `out`.
    void run(State& state, std::string& held, std::vector<bool>& masked, std::string_view bytes,
             std::string& out) const;
    static void release(State& state, std::string& held, std::vector<bool>& masked,
                        std::size_t count, std::string& out);

    std::vector<Node> nodes_;
    std::array<std::uint32_t, 256> first_{};  ///< the root's children
    State state_;
    std::string held_, out_;
    std::vector<bool> masked_;  ///< of held_
};

}  // namespace sluice::agent
