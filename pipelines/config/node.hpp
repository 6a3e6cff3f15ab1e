#pragma once
/// A YAML node as the schema sees it: scalars keep their source text until a type is asked for.
/// Pure values.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

/// A place in a source file. `file` is an index that Diagnostics gave; line 0 = the file as a
/// whole.
struct Place {
    int file = 0;
    int line = 0;            ///< 1-based
    int column = 0;          ///< 1-based, in code points
    int call = 0;            ///< of a fragment's node: the call it stands in (plan/calls.hpp)
    std::size_t offset = 0;  ///< in bytes, of the text without a byte order mark
};

struct Member;

struct Node {
    enum class Kind { null, scalar, list, map };

    Kind kind = Kind::null;
    bool plain = true;  ///< a scalar without quotes and not a block (`|`, `>`)
    std::string text;   ///< scalar: the value; null: its source text (`~`, `null` or nothing)
    Place place;
    std::vector<Node> items;
    std::vector<Member> members;  ///< in file order, keys unique

    bool is_null() const { return kind == Kind::null; }
    bool is_scalar() const { return kind == Kind::scalar; }
    bool is_list() const { return kind == Kind::list; }
    bool is_map() const { return kind == Kind::map; }

    /// The value of that key, or nullptr. A map without the key and a node that is no map answer
    /// alike.
    const Node* find(std::string_view key) const;
    const Member* member(std::string_view key) const;
};

struct Member {
    std::string name;
    Place place;  ///< of the key
    Node value;
};

/// What a copy of the node would cost: every node counts one, every byte of text one sixteenth.
std::size_t weight(const Node& node);
/// Foreign text for messages: one line, valid UTF-8, at most 60 bytes and then `…`.
std::string shown(std::string_view text);
/// `a map`, `a list`, `nothing (null)` or the text in backquotes, for messages.
std::string describe(const Node& node);

}  // namespace sluice::config
