#include "pipelines/config/manual/places.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/ways.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::config::manual {
namespace {

/// `an identity token` → `identity_token`, `` `on.push` `` → `on.push`.
std::string id_of(Scopes scope) {
    std::string_view name = scope_name(scope);
    for (const std::string_view article : {"a ", "an "})
        if (name.starts_with(article)) name.remove_prefix(article.size());
    std::string out;
    for (const char c : name)
        if (c != '`') out += c == ' ' ? '_' : c;
    return out;
}

class Walk {
public:
    std::vector<Map> run() {
        visit({scope_top, "file", "", scope_none, nullptr});
        out_.push_back(
            {scope_defaults, "defaults", "defaults", scope_top, find_key(scope_top, "defaults")});
        out_.push_back({scope_fragment, "fragment", "", scope_none, nullptr});
        return std::move(out_);
    }

private:
    void visit(Map map) {
        const bool seen = std::any_of(out_.begin(), out_.end(),
                                      [&](const Map& other) { return other.scope == map.scope; });
        if (seen || map.scope == scope_none || map.scope == scope_defaults ||
            map.scope == scope_env || map.scope == scope_matrix_row)
            return;
        const Scopes scope = map.scope;
        const std::string before = map.path.empty() ? "" : map.path + ".";
        out_.push_back(std::move(map));
        for (const Key& key : all_keys()) {
            if ((key.scopes & scope) == 0) continue;
            const std::string path = before + std::string(key.name);
            if (key.map == scope_jobs) {
                visit({scope_job, id_of(scope_job), path + ".<id>", scope, &key});
            } else if (key.map != scope_none && key.map != scope_names) {
                visit({key.map, id_of(key.map), path, scope, &key});
            }
            if (key.entry_map != scope_none)
                visit({key.entry_map, id_of(key.entry_map), path + ".<name>", scope, &key});
            if (key.item_map != scope_none)
                visit({key.item_map, id_of(key.item_map), path + "[]", scope, &key});
        }
    }

    std::vector<Map> out_;
};

std::string indent(const std::string& lines, std::size_t by, std::string_view first = {}) {
    std::string out;
    for (const std::string& line : text::split(lines, '\n'))
        out += (out.empty() ? std::string(by - first.size(), ' ') + std::string(first)
                            : "\n" + std::string(by, ' ')) +
               line;
    return out;
}

/// Kinds that bring their commands.
bool needs_run(std::string_view kind) {
    for (const std::string_view own : {"lint", "test", "image", "package", "model"})
        if (kind == own) return false;
    return true;
}

/// What a map needs beside `key` to be right.
std::string companions(Scopes scope, const Key& key) {
    std::string out;
    const auto add = [&](std::string_view line) { out += std::string(line) + "\n"; };
    if (scope == scope_job) {
        const std::string_view kind = key.kinds.substr(0, key.kinds.find(' '));
        if (!kind.empty()) add(fmt::format("kind: {}", kind));
        if (kind == "lint" && key.name != "tools") add(find_key(scope_job, "tools")->example);
        const bool has_commands = key.name == "run" || key.name == "steps" || key.name == "uses" ||
                                  key.name == "spark" || (kind == "deploy" && key.name != "ssh");
        if (key.name == "with") add(find_key(scope_job, "uses")->example);
        if (key.name == "inputs") add("needs: [clean]");
        if (key.name == "generate") add("run: ./make-jobs > out/jobs.yml");
        if (!has_commands && key.name != "with" && key.name != "generate" && needs_run(kind))
            add("run: make test");
        return out;
    }
    if (scope == scope_step) {
        if (key.name == "with") add(find_key(scope_step, "uses")->example);
        if (key.name != "run" && key.name != "uses" && key.name != "with") add("run: make test");
        return out;
    }
    if (scope == scope_top) return out;  // `version` is said once
    if (scope == scope_matrix) {
        add("py: [3.11, 3.12]");
        if (key.name == "exclude") add("os: [linux, mac]");
        return out;
    }
    for (const Key& row : all_keys())
        if ((row.scopes & scope) != 0 && row.fallback == "required" && row.name != key.name)
            add(row.example);
    for (const Ways& ways : all_ways())
        if (ways.scope == scope && ways.needs_one &&
            std::find(ways.keys.begin(), ways.keys.end(), key.name) == ways.keys.end())
            add(find_key(scope, ways.keys.front())->example);
    if (scope == scope_param && key.name == "options") {
        add("type: choice");
        add("default: staging");
    } else if (scope == scope_param && key.name != "default") {
        add(key.name == "min" || key.name == "max" ? "type: number\ndefault: 5"
            : key.name == "type"                   ? "options: [staging, production]"
                                                   : "type: string");
        if (key.name == "type") add("default: staging");
        if (key.name == "pattern" || key.name == "help") add("default: v1");
    }
    return out;
}

/// `lines` of the map, put where the map stands.
std::string in_place(const Map& map, const std::string& lines) {
    if (map.key == nullptr) return lines;
    const Key& key = *map.key;
    std::string out = fmt::format("{}:\n", key.name);
    if (map.scope == scope_job) {
        out += "  example:\n" + indent(lines, 4);
    } else if (map.path.ends_with("[]")) {
        out += indent(lines, 4, "- ");
    } else if (map.path.ends_with("<name>")) {
        const std::string_view name = key.names == Names::variable ? "TOKEN" : "data";
        out += fmt::format("  {}:\n", name) + indent(lines, 4);
    } else {
        out += indent(lines, 2);
    }
    return in_place(*find_map(map.parent), companions(map.parent, key) + out);
}

/// The key at the end of `jobs.test.retry.infra`, read from that map on; free names are skipped.
std::optional<Topic> follow(Scopes scope, std::span<const std::string> words) {
    while (!words.empty()) {
        const std::string_view word =
            std::string_view(words.front()).substr(0, words.front().find('['));
        const Key* key = find_key(scope, word);
        if (key == nullptr) return std::nullopt;
        if (words.size() == 1) return Topic{find_map(scope), key};
        const bool has_names = key->map == scope_jobs || key->map == scope_names;
        words = words.subspan(has_names ? std::min<std::size_t>(2, words.size()) : 1);
        scope = key->map == scope_jobs    ? Scopes{scope_job}
                : key->map == scope_names ? key->entry_map
                : key->map != scope_none  ? key->map
                                          : key->item_map;
    }
    return std::nullopt;
}

/// Jobs that examples refer to.
struct Referred {
    std::string_view id, job;
};
constexpr std::array k_referred = {
    Referred{"build", "{ matrix: { py: [3.11, 3.12] }, run: make }"},
    Referred{"test", "{ needs: [build], run: make test }"},
    Referred{"clean", "{ run: ./clean, outputs: { rows: { type: dataset } } }"},
    Referred{"train", "{ kind: train, run: ./train, outputs: { model: { type: model } } }"},
    Referred{".base", "{ timeout: 20m }"},
};

}  // namespace

const std::vector<Map>& all_maps() {
    static const std::vector<Map> k_maps = Walk().run();
    return k_maps;
}

const Map* find_map(Scopes scope) {
    for (const Map& map : all_maps())
        if (map.scope == scope) return &map;
    return nullptr;
}

std::string Topic::name() const {
    return fmt::format("{}.{}", map->id, key->name);
}

std::string Topic::anchor() const {
    std::string out = name();
    std::replace(out.begin(), out.end(), '.', '-');
    return out;
}

Topic topic_of(const Key& key) {
    // A job is where people look first; what stands in several maps is described there.
    if ((key.scopes & scope_job) != 0) return {find_map(scope_job), &key};
    for (const Map& map : all_maps())
        if ((key.scopes & map.scope) != 0) return {&map, &key};
    return {};
}

std::optional<Topic> topic_of(Scopes scope, std::string_view name) {
    const Key* key = find_key(scope, name);
    if (key == nullptr) return std::nullopt;
    return topic_of(*key);
}

std::optional<Topic> find_topic(std::string_view words) {
    for (const Map& map : all_maps())
        for (const Key& key : all_keys())
            if ((key.scopes & map.scope) != 0 && words == Topic{&map, &key}.name())
                return Topic{&map, &key};
    const auto parts = text::split(words, '.');
    for (const Scopes from : {scope_job, scope_top})
        if (auto found = follow(from, parts)) return found;
    if (parts.size() > 1) return std::nullopt;
    for (const Map& map : all_maps())
        if (const Key* key = find_key(map.scope, words)) return Topic{&map, key};
    return std::nullopt;
}

std::vector<std::string> topic_names() {
    std::vector<std::string> out;
    for (const Map& map : all_maps())
        for (const Key& key : all_keys())
            if (topic_of(key).map == &map) out.push_back(Topic{&map, &key}.name());
    return out;
}

std::string example(const Topic& topic) {
    std::string out = in_place(
        *topic.map, companions(topic.map->scope, *topic.key) + std::string(topic.key->example));
    // Only in a job that has one, a step may have another.
    if (topic.map->scope == scope_step && topic.key->name == "image")
        out.insert(out.find("    steps:"), "    image: python:3.12\n");
    return out;
}

std::string example_file(const Topic& topic) {
    std::string body = example(topic);
    std::string out;
    const auto has = [&](std::string_view key) {
        return body.starts_with(key) || body.find(fmt::format("\n{}", key)) != std::string::npos;
    };
    if (!has("version:")) out += "version: 1\n";
    if (!has("on:")) out += "on: { push: {}, pull_request: {}, merge_queue: {}, manual: {} }\n";
    // What a schedule gives a value, the file declares.
    if (topic.map->scope == scope_schedule && topic.key->name == "params")
        out += "params: { target: { default: test } }\n";
    out += body + "\n";
    if (!has("jobs:")) out += "jobs:\n";
    const bool has_job = has("jobs:");
    if (has("jobs: {")) return out;
    for (const Referred& job : k_referred) {
        const bool is_build = job.id == "build";  // there is always one
        if (is_build || !has_job || body.find(job.id) != std::string::npos)
            out += fmt::format("  {}: {}\n", job.id, job.job);
    }
    return out;
}

}  // namespace sluice::config::manual
