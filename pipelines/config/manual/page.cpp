#include "pipelines/config/manual/page.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/checker.hpp"
#include "pipelines/config/expression/functions.hpp"
#include "pipelines/config/manual/chapters.hpp"

#include <fmt/format.h>

namespace sluice::config::manual {
namespace {

/// In a cell of a table a `|` would end it.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
    return out;
}

std::string sentence(std::string_view text) {
    std::string out(text);
    if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 32);
    return out + (out.ends_with('.') ? "" : ".");
}

bool is_required(const Key& key) {
    return key.fallback == "required";
}

std::string_view evaluated(Eval eval) {
    switch (eval) {
        case Eval::literal: return "no";
        case Eval::plan: return "when the run is planned";
        case Eval::late: return "when the run is planned; what reads `needs` when they have ended";
        case Eval::step: return "by the runner, before the step";
    }
    return "";
}

/// `a b` → `` `a`, `b` ``
std::string listed(std::string_view words) {
    std::string out;
    for (const std::string& word : text::split(words, ' '))
        out += fmt::format("{}`{}`", out.empty() ? "" : ", ", word);
    return out;
}

/// `a job, a step, `defaults``, the first being where the section stands.
std::string stands_in(const Key& key) {
    std::string out;
    for (const Map& map : all_maps())
        if ((key.scopes & map.scope) != 0)
            out += fmt::format("{}{}", out.empty() ? "" : ", ", scope_name(map.scope));
    return out;
}

/// The key, or one around it, that this version does not carry out; nullptr when it does.
const Key* pending_of(const Topic& topic) {
    if (!topic.key->pending.empty()) return topic.key;
    for (const Map* map = topic.map; map != nullptr; map = find_map(map->parent))
        if (map->key != nullptr && !map->key->pending.empty()) return map->key;
    return nullptr;
}

/// What the words of a choice, names and entries of a map may be.
std::string takes(const Key& key) {
    std::string out = wanted(key);
    if (key.scalar == Scalar::choice && !key.choices.empty()) {
        // `one of a b or a map` → each word as code
        const std::string words(key.choices);
        if (const std::size_t at = out.find(words); at != std::string::npos)
            out.replace(at, words.size(), listed(key.choices));
    }
    if (key.scalar == Scalar::choice && key.name == "kind") out = "one of the [kinds](#kinds)";
    if (!key.short_for.empty() && key.entry_map == scope_none)
        out += fmt::format("; a scalar is short for `{{ {}: … }}`", key.short_for);
    return out;
}

std::string title(const Map& map) {
    std::string out(scope_name(map.scope));
    if (out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 32);
    return out;
}

std::string anchor(const Map& map) {
    std::string out = map.id;
    for (char& c : out)
        if (c == '.') c = '-';
    return out;
}

/// The keys of a map, each a line with a link to its section.
std::string table(const Map& map) {
    std::string out = "| key | takes | default | |\n|---|---|---|---|\n";
    for (const Key& key : all_keys()) {
        if ((key.scopes & map.scope) == 0) continue;
        std::string note(key.help);
        if (!key.kinds.empty()) note += fmt::format(" (kind {})", listed(key.kinds));
        if (!key.pending.empty()) note += key.dispensable ? " *(no effect yet)*" : " *(not yet)*";
        out += fmt::format("| [`{}`](#{}) | {} | {} | {} |\n", key.name, topic_of(key).anchor(),
                           cell(takes(key)), cell(key.fallback), cell(note));
    }
    return out;
}

std::string map_chapter(const Map& map) {
    std::string out = fmt::format("\n<a id=\"{}\"></a>\n## {}\n\n", anchor(map), title(map));
    if (!map.path.empty()) out += fmt::format("`{}`\n\n", map.path);
    if (key_names(map.scope).empty()) return out + "It has no keys: write `{}`.\n";
    out += table(map);
    for (const Key& key : all_keys()) {
        const Topic topic = topic_of(key);
        if (topic.map == &map) out += "\n" + section(topic);
    }
    return out;
}

std::string contents() {
    std::string out;
    for (const Map& map : all_maps())
        out += fmt::format("{}[{}](#{})", out.empty() ? "" : " · ", title(map), anchor(map));
    return out +
           " · [kinds](#kinds) · [YAML](#yaml) · [values](#values) · [expressions](#expressions)\n";
}

std::string kinds_chapter() {
    std::string out =
        "\n<a id=\"kinds\"></a>\n## Kinds\n\n| kind | | keys of its own |\n|---|---|---|\n";
    for (const KindName& kind : kind_names()) {
        std::string keys;
        for (const Key& key : all_keys())
            if ((key.scopes & scope_job) != 0 && !key.kinds.empty() && fits_kind(key, kind.name))
                keys += fmt::format("{}[`{}`](#{})", keys.empty() ? "" : ", ", key.name,
                                    topic_of(key).anchor());
        out += fmt::format("| `{}` | {} | {} |\n", kind.name, kind.help, keys);
    }
    return out;
}

std::string functions() {
    std::string out = "| function | gives |\n|---|---|\n";
    for (const auto& function : expression::all_functions())
        out += fmt::format("| `{}` | {} |\n", cell(function.usage), cell(function.help));
    return out;
}

/// For a terminal: anchors and links say nothing there.
std::string without_anchors(std::string_view markdown) {
    std::string out;
    for (const std::string& line : text::split(text::trim(markdown), '\n')) {
        if (line.starts_with("<a id=")) continue;
        std::string plain = line;
        for (std::size_t at = plain.find("](#"); at != std::string::npos; at = plain.find("](#")) {
            const std::size_t open = plain.rfind('[', at), close = plain.find(')', at);
            plain = plain.substr(0, open) + plain.substr(open + 1, at - open - 1) +
                    plain.substr(close + 1);
        }
        out += plain + "\n";
    }
    return out;
}

}  // namespace

std::string section(const Topic& topic) {
    const Key& key = *topic.key;
    std::string out = fmt::format("<a id=\"{}\"></a>\n### `{}`\n\n{}", topic.anchor(), topic.name(),
                                  sentence(key.help));
    if (!key.kinds.empty()) out += fmt::format(" Only for kind {}.", listed(key.kinds));
    if (const Key* pending = pending_of(topic); pending != nullptr)
        out += pending->dispensable
                   ? fmt::format(" **No effect yet**: this version has no {}.", pending->pending)
                   : fmt::format(
                         " **Not carried out yet**: this version has no {}, and a job that "
                         "asks for it does not start.",
                         pending->pending);
    if (const std::string_view more = details(topic_of(key).name()); !more.empty())
        out += fmt::format("\n\n{}", text::trim(more));
    out += fmt::format("\n\nTakes {}. ", takes(key));
    if (is_required(key)) {
        out += "Required. ";
    } else if (!key.fallback.empty()) {
        out += fmt::format("Default: {}. ", key.fallback);
    }
    out += fmt::format("Stands in {}. Expressions: {}.\n\n```yaml\n{}\n```\n", stands_in(key),
                       key.scalar == Scalar::condition ? "it is one" : evaluated(key.eval),
                       text::trim(example(topic)));
    return out;
}

std::string page() {
    std::string out(chapters::k_intro);
    out += contents();
    for (const Map& map : all_maps()) out += map_chapter(map);
    out += kinds_chapter();
    out += chapters::k_yaml;
    out += chapters::k_values;
    out += chapters::k_expressions;
    out += functions();
    return out;
}

std::optional<std::string> explain(std::string_view topic) {
    if (topic == "kinds") return without_anchors(kinds_chapter());
    if (topic == "yaml") return without_anchors(chapters::k_yaml);
    if (topic == "values") return without_anchors(chapters::k_values);
    if (topic == "expressions")
        return without_anchors(std::string(chapters::k_expressions) + functions());
    if (const auto found = find_topic(topic)) {
        std::string out = section(*found);
        for (const Scopes below : {found->key->map, found->key->item_map, found->key->entry_map})
            if (const Map* map = find_map(below); map != nullptr && !key_names(below).empty())
                out += fmt::format("\n{}", table(*map));
        return without_anchors(out);
    }
    for (const Map& map : all_maps())
        if (topic == map.id)
            return without_anchors(fmt::format("## {}\n\n{}", title(map), table(map)));
    return std::nullopt;
}

std::vector<std::string> explained_topics() {
    std::vector<std::string> out = topic_names();
    for (const Map& map : all_maps()) out.push_back(map.id);
    for (const char* chapter : {"kinds", "yaml", "values", "expressions"})
        out.emplace_back(chapter);
    return out;
}

}  // namespace sluice::config::manual
