#pragma once
/// The tree that becomes `.ci.yml`, and its text. Pure values.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::importer {

class Out {
public:
    static Out scalar(std::string text);
    static Out list(const std::vector<std::string>& texts);
    static Out list();
    static Out map();

    bool empty() const { return kind_ != Kind::scalar && items_.empty() && members_.empty(); }
    std::size_t size() const { return items_.size() + members_.size(); }
    /// Replaces the value of a key that is there already.
    Out& set(std::string key, Out value);
    Out& set(std::string key, std::string text) {
        return set(std::move(key), scalar(std::move(text)));
    }
    Out& add(Out item);
    Out* find(std::string_view key);
    /// The map of that key, made when it is not there.
    Out& child_map(const std::string& key);
    Out& child_list(const std::string& key);
    const std::string& text() const { return text_; }
    /// A line that stands before the key or item that comes next.
    void comment(std::string line);

    /// YAML with a final newline.
    std::string yaml() const;

private:
    enum class Kind { scalar, list, map };
    explicit Out(Kind kind) : kind_(kind) {}
    void write(std::string& out, std::size_t indent) const;
    void write_value(std::string& out, std::size_t indent) const;
    bool fits_in_flow() const;

    Kind kind_;
    std::string text_;
    std::vector<Out> items_;
    std::vector<std::pair<std::string, Out>> members_;
    std::vector<std::string> pending_, comments_;
};

/// A scalar as YAML; in flow style fewer characters may stand without quotes.
std::string quoted_if_needed(const std::string& text, bool flow);

}  // namespace sluice::importer
