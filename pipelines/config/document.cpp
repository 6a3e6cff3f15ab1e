/// The only file that includes yaml-cpp. We take its events, not its tree: the tree drops duplicate
/// keys and second documents silently and keeps self aliases as cycles (study R3, R4).
#include "pipelines/config/document.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/yaml_fault.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>
#include <unordered_map>

namespace sluice::config {
namespace {

/// Thrown when a fault is reported and the rest of the file is not worth reading.
struct Stop {};

/// Reads from memory without a copy.
class ViewBuffer : public std::streambuf {
public:
    explicit ViewBuffer(std::string_view text) {
        char* begin = const_cast<char*>(text.data());  // get area only: never written
        setg(begin, begin, begin + text.size());
    }
};

struct Size {
    std::size_t nodes = 1;
    std::size_t bytes = 0;
    int depth = 1;
};

Size measure(const Node& node) {
    Size size{1, node.text.size(), 1};
    const auto add = [&](const Node& child) {
        const Size inner = measure(child);
        size.nodes += inner.nodes;
        size.bytes += inner.bytes;
        size.depth = std::max(size.depth, inner.depth + 1);
    };
    for (const Node& item : node.items) add(item);
    for (const Member& member : node.members) {
        size.nodes += 1;
        size.bytes += member.name.size();
        add(member.value);
    }
    return size;
}

class Builder : public YAML::EventHandler {
public:
    Builder(int file, Diagnostics& diagnostics)
        : file_(file), diagnostics_(diagnostics), source_(diagnostics.source(file)) {}

    Node take() { return std::move(root_); }
    Place last_place() const { return last_; }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ == 0) return;
        const Place place = place_of(mark);
        const std::string_view line = diagnostics_.line_text(file_, place.line);
        const bool separated = line.starts_with("---") || has_separator_above(place.line);
        if (separated) {
            diagnostics_.error(
                place, "multiple_documents", "a second YAML document starts here",
                "one file is one document: remove `---`, or move the rest to `.ci/<name>.yml`");
        } else {
            diagnostics_.error(place, "yaml_syntax", "this line does not fit the lines above it",
                               "check the indentation, and the space after `-` and `:`");
        }
        throw Stop{};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        Node node;
        node.place = place_of(mark);
        const std::string_view rest = source_.substr(std::min(node.place.offset, source_.size()));
        for (const std::string_view spelling : {"~", "null", "Null", "NULL"})
            if (rest.starts_with(spelling)) node.text = spelling;
        // yaml-cpp gives an empty value the place of what comes next; people look at the key.
        if (node.text.empty() && !stack_.empty() && stack_.back().key)
            node.place = stack_.back().key_place;
        add(std::move(node), anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const Place place = place_of(mark);
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end())
            fail(place, "alias_cycle",
                 fmt::format("alias `*{}` stands inside what it names", anchor_names_[anchor]),
                 "an alias copies a finished value; take it out of its own anchor");
        const Anchor& source = found->second;
        nodes_ += source.size.nodes;
        bytes_ += source.size.bytes;
        check_budget(place);
        check_depth(place, source.size.depth - 1);
        Node copy = source.node;
        if (copy.is_scalar() || copy.is_null()) copy.place = place;
        add(std::move(copy), 0);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        Node node;
        node.kind = Node::Kind::scalar;
        node.place = place_of(mark);
        refuse_tag(tag, node.place, value);
        node.plain = tag == "?";
        node.text = value;
        if (!node.plain) skip_properties(node.place);
        refuse_unterminated(node);
        refuse_tab(node.place);
        add(std::move(node), anchor);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(Node::Kind::list, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(Node::Kind::map, mark, tag, anchor);
    }
    void OnMapEnd() override { close(); }

    void OnAnchor(const YAML::Mark&, const std::string& name) override {
        pending_anchor_name_ = name;
    }

private:
    struct Level {
        Node node;
        YAML::anchor_t anchor = 0;
        bool key = false;  ///< in a map: the key has been read and its value is due
        std::string key_name;
        Place key_place;
        std::unordered_map<std::string, int> lines;  ///< of the keys read so far
        std::vector<Node> merges;                    ///< values of `<<`
    };
    struct Anchor {
        Node node;
        Size size;
    };

    [[noreturn]] void fail(const Place& place, std::string_view id, std::string message,
                           std::string hint = {}) {
        diagnostics_.error(place, id, std::move(message), std::move(hint));
        throw Stop{};
    }

    Place place_of(const YAML::Mark& mark) {
        // yaml-cpp counts bytes of the line; its absolute position is off after some line ends.
        Place place{file_, mark.line + 1, mark.column + 1, 0};
        const std::string_view line = diagnostics_.line_text(file_, place.line);
        if (line.data() != nullptr) {
            const auto begin = static_cast<std::size_t>(line.data() - source_.data());
            place = diagnostics_.locate(
                file_, begin + std::min<std::size_t>(line.size(), static_cast<std::size_t>(
                                                                      std::max(0, mark.column))));
        }
        last_ = place;
        return place;
    }

    bool has_separator_above(int line) const {
        for (int above = line - 1; above > 0; --above) {
            const std::string_view text = diagnostics_.line_text(file_, above);
            if (text.starts_with("---") || text.starts_with("...")) return true;
            const std::string_view content = text::trim(text);
            if (!content.empty() && !content.starts_with('#')) return false;
        }
        return false;
    }

    void refuse_tag(const std::string& tag, const Place& place, std::string_view value) {
        if (tag.empty() || tag == "?") return;
        if (tag == "!" && source_.substr(place.offset, 1) != "!")
            return;  // how yaml-cpp marks quoted scalars
        const std::string_view written = source_.substr(place.offset);
        const std::string word = shown(written.substr(0, written.find_first_of(" \t\r\n")));
        const bool is_value_of_if =
            !stack_.empty() && stack_.back().key && stack_.back().key_name == "if";
        if (is_value_of_if)
            fail(place, "tag_not_allowed",
                 fmt::format("`{}` is a YAML tag here, not a negation", word),
                 fmt::format("write `if: not {}{}{}`", word.substr(1), value.empty() ? "" : " ",
                             shown(value)));
        fail(place, "tag_not_allowed", fmt::format("YAML tag `{}` is not allowed", word),
             "remove it; values get their type from the key, quote a value that starts with `!`");
    }

    /// From `&anchor` to the value itself.
    void skip_properties(Place& place) {
        std::size_t at = place.offset;
        while (at < source_.size() && source_[at] == '&') {
            at = source_.find_first_of(" \t\r\n", at);
            at = at == std::string_view::npos ? source_.size()
                                              : source_.find_first_not_of(" \t\r\n", at);
            if (at == std::string_view::npos) at = source_.size();
        }
        if (at != place.offset) place = diagnostics_.locate(file_, at);
    }

    void refuse_unterminated(const Node& node) {
        if (node.plain || node.place.offset >= source_.size()) return;
        const char quote = source_[node.place.offset];
        if (quote != '"' && quote != '\'') return;
        for (std::size_t i = node.place.offset + 1; i < source_.size(); ++i) {
            if (quote == '"' && source_[i] == '\\') {
                ++i;
            } else if (source_[i] == quote) {
                if (quote == '"' || source_.substr(i + 1, 1) != "'") return;
                ++i;  // '' is a quote inside
            }
        }
        fail(node.place, "yaml_syntax", "a quote is opened here and never closed",
             "add the closing quote");
    }

    void refuse_tab(const Place& place) {
        const std::string_view line = diagnostics_.line_text(file_, place.line);
        const std::size_t content = line.find_first_not_of(" \t");
        if (content == std::string_view::npos ||
            line.substr(0, content).find('\t') == std::string_view::npos)
            return;
        const auto begin = static_cast<std::size_t>(line.data() - source_.data());
        if (begin + content != place.offset) return;
        fail(diagnostics_.locate(file_, begin), "yaml_syntax", "a tab indents this line",
             "indent with spaces, YAML knows no tabs");
    }

    void check_budget(const Place& place) {
        if (nodes_ > k_max_nodes)
            fail(
                place, "too_many_nodes",
                fmt::format("more than {} values (aliases count with what they copy)", k_max_nodes),
                "split the file over `.ci/*.yml`");
        if (bytes_ > 4 * k_max_file_bytes)
            fail(place, "too_many_nodes", "aliases expand to more than 1 MiB", "copy less");
    }

    void check_depth(const Place& place, int more) {
        if (static_cast<int>(stack_.size()) + 1 + more > k_max_depth)
            fail(place, "too_deep", fmt::format("nested deeper than {} levels", k_max_depth),
                 "flatten the value");
    }

    void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
              YAML::anchor_t anchor) {
        const Place place = place_of(mark);
        refuse_tag(tag, place, {});
        if (!stack_.empty() && stack_.back().node.is_map() && !stack_.back().key)
            fail(place, "yaml_syntax", "a list or map cannot be a key",
                 "keys are plain words; quote the key if it starts with `{` or `[`");
        check_depth(place, 0);
        Level level;
        level.node.kind = kind;
        level.node.place = place;
        level.anchor = anchor;
        if (anchor != 0) anchor_names_[anchor] = std::exchange(pending_anchor_name_, {});
        stack_.push_back(std::move(level));
    }

    void close() {
        Level level = std::move(stack_.back());
        stack_.pop_back();
        if (!level.merges.empty()) merge(level);
        add(std::move(level.node), level.anchor);
    }

    void add(Node node, YAML::anchor_t anchor) {
        ++nodes_;
        bytes_ += node.text.size();
        check_budget(node.place);
        if (anchor != 0) {
            anchor_names_.try_emplace(anchor, std::exchange(pending_anchor_name_, {}));
            anchors_[anchor] = {node, measure(node)};
        }
        if (stack_.empty()) {
            root_ = std::move(node);
            return;
        }
        Level& level = stack_.back();
        if (level.node.is_list()) {
            level.node.items.push_back(std::move(node));
            return;
        }
        if (!level.key) {
            begin_member(level, node);
            return;
        }
        level.key = false;
        if (level.key_name == "<<") {
            level.merges.push_back(std::move(node));
            return;
        }
        level.node.members.push_back({std::move(level.key_name), level.key_place, std::move(node)});
    }

    void begin_member(Level& level, const Node& key) {
        level.key = true;
        level.key_name = key.text;
        level.key_place = key.place;
        if (key.is_list() || key.is_map())  // by an alias
            fail(key.place, "yaml_syntax", "a list or map cannot be a key");
        if (level.lines.size() >= k_max_keys)
            fail(key.place, "too_many_keys",
                 fmt::format("one map holds more than {} keys", k_max_keys));
        const auto [first, is_new] = level.lines.emplace(key.text, key.place.line);
        if (!is_new)
            diagnostics_.error(key.place, "duplicate_key",
                               fmt::format("key `{}` stands twice in this map, first in line {}",
                                           shown(key.text), first->second),
                               "remove one of them");
    }

    /// YAML's own merge: what stands in the map wins, then the earlier of several sources; shallow.
    void merge(Level& level) {
        std::vector<const Node*> sources;
        for (const Node& value : level.merges) {
            if (value.is_map()) sources.push_back(&value);
            for (const Node& item : value.items) sources.push_back(&item);
            if (!value.is_map() && !value.is_list()) sources.push_back(&value);
        }
        for (const Node* source : sources) {
            if (!source->is_map())
                fail(source->place, "bad_merge",
                     fmt::format("`<<` takes a map or a list of maps, got {}", describe(*source)),
                     "e.g. `<<: *common` where `&common` is a map");
            for (const Member& member : source->members) {
                const bool is_new = level.lines.emplace(member.name, member.place.line).second;
                if (is_new) level.node.members.push_back(member);
            }
        }
    }

    int file_;
    Diagnostics& diagnostics_;
    std::string_view source_;
    Node root_;
    std::vector<Level> stack_;
    std::unordered_map<YAML::anchor_t, Anchor> anchors_;  ///< finished ones only
    std::unordered_map<YAML::anchor_t, std::string> anchor_names_;
    std::string pending_anchor_name_;
    Place last_;
    std::size_t nodes_ = 0;
    std::size_t bytes_ = 0;
    int documents_ = 0;
};

bool check_encoding(int file, std::string_view text, Diagnostics& diagnostics) {
    const auto fail = [&](std::size_t offset, std::string message, std::string hint) {
        diagnostics.error(diagnostics.locate(file, offset), "bad_encoding", std::move(message),
                          std::move(hint));
        return false;
    };
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
        return fail(0, "the file is UTF-16", "save it as UTF-8");
    if (const auto offset = text::find_invalid_utf8(text))
        return fail(*offset, fmt::format("byte {} is not valid UTF-8", *offset),
                    "save the file as UTF-8");
    const auto control = std::find_if(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n' && c != '\t' && c != '\r') || byte == 0x7F;
    });
    if (control == text.end()) return true;
    const auto offset = static_cast<std::size_t>(control - text.begin());
    if (offset <= 1 && *control == '\0')
        return fail(offset, "the file is UTF-16", "save it as UTF-8");
    return fail(offset,
                fmt::format("byte {} is the control character 0x{:02x}", offset,
                            static_cast<unsigned char>(*control)),
                "remove it, or write it as an escape in double quotes");
}

}  // namespace

std::string_view without_bom(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    return text;
}

std::optional<Node> parse_document(int file, Diagnostics& diagnostics) {
    const std::string_view text = diagnostics.source(file);
    if (text.size() > k_max_file_bytes) {
        diagnostics.error({file}, "config_too_large",
                          fmt::format("the file has {} bytes, at most {} are read", text.size(),
                                      k_max_file_bytes),
                          "split it over `.ci/*.yml`");
        return std::nullopt;
    }
    if (!check_encoding(file, text, diagnostics)) return std::nullopt;

    Builder builder(file, diagnostics);
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    try {
        YAML::Parser parser(stream);
        // The next call finds a second document, or a fault after the first.
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Stop&) {
        return std::nullopt;
    } catch (const YAML::Exception& e) {
        // Some faults are known only at the end and carry no place: the last event is the best one
        // then.
        Place place = builder.last_place();
        if (!e.mark.is_null() && (e.mark.line > 0 || e.mark.column > 0)) {
            const std::string_view line = diagnostics.line_text(file, e.mark.line + 1);
            if (line.data() != nullptr)
                place = diagnostics.locate(
                    file, static_cast<std::size_t>(line.data() - text.data()) +
                              std::min(line.size(),
                                       static_cast<std::size_t>(std::max(0, e.mark.column))));
        }
        if (place.line == 0) place = diagnostics.locate(file, 0);
        const std::string_view line = diagnostics.line_text(file, place.line);
        const std::size_t begin =
            line.data() == nullptr ? 0 : static_cast<std::size_t>(line.data() - text.data());
        const YamlFault fault =
            explain_yaml_fault(e.msg, line, place.offset - std::min(place.offset, begin));
        diagnostics.error(place, fault.id, fault.message, fault.hint);
        return std::nullopt;
    }
    return builder.take();
}

}  // namespace sluice::config
