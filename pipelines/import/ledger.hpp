#pragma once
/// Who was converted: keys are taken from the source through the ledger, and what nobody took is
/// listed at the end. So a key that the converter does not know cannot vanish. One thread.

#include "pipelines/config/node.hpp"
#include "pipelines/import/import.hpp"

#include <set>

namespace sluice::importer {

using config::Node;
using config::Place;

class Ledger {
public:
    /// The value of the key, or nullptr (also for null); from now on it counts as seen, its own
    /// keys do not.
    const Node* take(const Node& map, std::string_view key);
    /// The same, with everything below it.
    const Node* take_whole(const Node& map, std::string_view key);
    void whole(const Node& map);

    void info(const Place& at, std::string key, std::string message, std::string hint = {});
    void changed(const Place& at, std::string key, std::string message, std::string hint = {});
    void lost(const Place& at, std::string key, std::string message, std::string hint = {});

    /// Names every key below `root` that nobody took.
    void sweep(const Node& root);
    std::vector<Note> notes();

private:
    void note(Weight weight, const Place& at, std::string key, std::string message,
              std::string hint);
    void sweep(const Node& node, const std::string& path, int depth);

    // By the place of the key: copies of a node (aliases, extends) are the same key.
    std::set<std::size_t> taken_, whole_;
    std::vector<Note> notes_;
};

/// The items of a list, or the node itself as the only one; empty for nullptr and null.
std::vector<const Node*> items_or_self(const Node* node);
/// Their texts; what is no scalar is passed over.
std::vector<std::string> texts_of(const Node* node);
/// The text of a scalar, "" for everything else.
std::string text_of(const Node* node);
bool is_true(const Node* node);

}  // namespace sluice::importer
