#include "pipelines/import/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::importer {

namespace {
constexpr std::size_t k_max_notes = 1'000;
}

const Node* Ledger::take(const Node& map, std::string_view key) {
    const config::Member* member = map.member(key);
    if (member == nullptr) return nullptr;
    taken_.insert(member->place.offset);
    return member->value.is_null() ? nullptr : &member->value;
}

const Node* Ledger::take_whole(const Node& map, std::string_view key) {
    if (const config::Member* member = map.member(key)) whole_.insert(member->place.offset);
    return take(map, key);
}

void Ledger::whole(const Node& map) {
    for (const config::Member& member : map.members) {
        taken_.insert(member.place.offset);
        whole_.insert(member.place.offset);
    }
}

void Ledger::note(Weight weight, const Place& at, std::string key, std::string message,
                  std::string hint) {
    if (notes_.size() >= k_max_notes) return;
    Note note{weight, at.line, at.column, std::move(key), std::move(message), std::move(hint)};
    if (std::find(notes_.begin(), notes_.end(), note) == notes_.end())
        notes_.push_back(std::move(note));
}

void Ledger::info(const Place& at, std::string key, std::string message, std::string hint) {
    note(Weight::info, at, std::move(key), std::move(message), std::move(hint));
}
void Ledger::changed(const Place& at, std::string key, std::string message, std::string hint) {
    note(Weight::changed, at, std::move(key), std::move(message), std::move(hint));
}
void Ledger::lost(const Place& at, std::string key, std::string message, std::string hint) {
    note(Weight::lost, at, std::move(key), std::move(message), std::move(hint));
}

void Ledger::sweep(const Node& root) {
    sweep(root, "", 0);
}

void Ledger::sweep(const Node& node, const std::string& path, int depth) {
    if (depth > 64) return;
    for (std::size_t i = 0; i < node.items.size(); ++i)
        sweep(node.items[i], fmt::format("{}[{}]", path, i), depth + 1);
    for (const config::Member& member : node.members) {
        const std::string key = (path.empty() ? "" : path + ".") + config::shown(member.name);
        if (!taken_.contains(member.place.offset)) {
            lost(member.place, key, "is not converted", "");
            continue;
        }
        if (!whole_.contains(member.place.offset)) sweep(member.value, key, depth + 1);
    }
}

std::vector<Note> Ledger::notes() {
    std::stable_sort(notes_.begin(), notes_.end(),
                     [](const Note& a, const Note& b) { return a.line < b.line; });
    return std::move(notes_);
}

std::vector<const Node*> items_or_self(const Node* node) {
    std::vector<const Node*> out;
    if (node == nullptr || node->is_null()) return out;
    if (!node->is_list()) return {node};
    for (const Node& item : node->items) out.push_back(&item);
    return out;
}

std::vector<std::string> texts_of(const Node* node) {
    std::vector<std::string> out;
    for (const Node* item : items_or_self(node))
        if (item->is_scalar()) out.push_back(item->text);
    return out;
}

std::string text_of(const Node* node) {
    return node != nullptr && node->is_scalar() ? node->text : std::string();
}

bool is_true(const Node* node) {
    return text_of(node) == "true";
}

}  // namespace sluice::importer
