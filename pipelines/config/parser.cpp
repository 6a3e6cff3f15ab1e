#include "pipelines/config/parser.hpp"

#include "pipelines/config/checker.hpp"
#include "pipelines/config/document.hpp"

#include <fmt/format.h>

namespace sluice::config {
namespace {

std::optional<std::vector<std::string>> list_of(const Node& map, std::string_view key) {
    const Node* node = map.find(key);
    if (node == nullptr || node->is_null()) return std::nullopt;
    return strings_of(node);
}

BranchTrigger branch_trigger(const Node& node) {
    BranchTrigger out;
    out.branches = list_of(node, "branches");
    out.paths = list_of(node, "paths");
    const Node* drafts = node.find("drafts");
    out.drafts = drafts == nullptr || drafts->text != "false";
    const Node* with_pr = node.find("with_pr");
    out.with_pr = with_pr != nullptr && with_pr->text == "true";
    return out;
}

std::string text_of(const Node& map, std::string_view key, std::string fallback) {
    const Node* node = map.find(key);
    return node != nullptr && node->is_scalar() ? node->text : std::move(fallback);
}

template <TextEnum E>
E choice_of(const Node& map, std::string_view key, E fallback) {
    return parse_enum<E>(text_of(map, key, "")).value_or(fallback);
}

void read_schedules(const Node& list, Triggers& out, Diagnostics& diagnostics) {
    std::set<std::string> names;
    for (const Node& item : list.items) {
        if (!item.is_map()) continue;
        schedule::Schedule read;
        read.cron = text_of(item, "cron", "");
        read.name = text_of(item, "name", read.cron);
        read.timezone = text_of(item, "timezone", read.timezone);
        read.branch = text_of(item, "branch", "");
        read.catchup = choice_of(item, "catchup", read.catchup);
        read.overlap = choice_of(item, "overlap", read.overlap);
        const Node* params = item.find("params");
        if (params != nullptr)
            for (const Member& param : params->members)
                if (param.value.is_scalar()) read.params[param.name] = param.value.text;
        if (read.cron.empty()) {
            if (item.find("cron") == nullptr)
                diagnostics.error(item.place, "cron_missing", "a schedule says when, by `cron`",
                                  "e.g. `schedule: [{ name: nightly, cron: \"0 2 * * *\" }]`");
            continue;
        }
        if (item.find("name") == nullptr && list.items.size() > 1)
            diagnostics.error(item.place, "schedule_name_missing",
                              "a file with several schedules names each of them",
                              "e.g. `name: nightly`");
        else if (!names.insert(read.name).second)
            diagnostics.error(item.place, "duplicate_schedule",
                              fmt::format("two schedules are called `{}`", shown(read.name)),
                              "give each a `name` of its own");
        out.schedules.push_back({std::move(read), item.place, params});
    }
}

Triggers triggers_of(const Member& on, Diagnostics& diagnostics) {
    Triggers out;
    out.place = on.place;
    if (const Node* push = on.value.find("push")) out.push = branch_trigger(*push);
    if (const Node* pr = on.value.find("pull_request")) out.pull_request = branch_trigger(*pr);
    out.tag = list_of(on.value, "tag");
    out.manual = on.value.find("manual") != nullptr;
    out.merge_queue = on.value.find("merge_queue") != nullptr;
    if (const Node* schedules = on.value.find("schedule"))
        read_schedules(*schedules, out, diagnostics);
    constexpr std::string_view k_scheme = "dataset://";
    for (std::string& name : strings_of(on.value.find("dataset")))
        if (name.starts_with(k_scheme)) out.datasets.push_back(name.substr(k_scheme.size()));
    return out;
}

}  // namespace

std::set<std::string> event_names(const Triggers& triggers) {
    std::set<std::string> out;
    if (triggers.push) out.insert("push");
    if (triggers.tag) out.insert("tag");
    if (triggers.pull_request) out.insert("pull_request");
    if (triggers.merge_queue) out.insert("merge_queue");
    if (!triggers.schedules.empty()) out.insert("schedule");
    if (triggers.manual) out.insert("manual");
    if (!triggers.datasets.empty()) out.insert("dataset");
    return out;
}

std::vector<std::string> strings_of(const Node* node) {
    std::vector<std::string> out;
    if (node == nullptr) return out;
    if (node->is_scalar()) out.push_back(node->text);
    for (const Node& item : node->items)
        if (item.is_scalar()) out.push_back(item.text);
    return out;
}

namespace {

/// The tree of a file that is a map; nothing after a diagnostic.
std::optional<Node> read_map(int index, std::string_view example, std::string_view begin,
                             Diagnostics& diagnostics) {
    auto root = parse_document(index, diagnostics);
    if (!root) return std::nullopt;
    if (root->is_null()) {
        diagnostics.error({index}, "no_jobs", "the file is empty", std::string(example));
        return std::nullopt;
    }
    if (!root->is_map()) {
        diagnostics.error(root->place, "type_mismatch",
                          fmt::format("a file is a map of keys, got {}", describe(*root)),
                          std::string(begin));
        return std::nullopt;
    }
    return root;
}

void check_version(const Node& root, int index, Diagnostics& diagnostics) {
    if (root.find("version") == nullptr)
        diagnostics.error({index}, "version_missing", "`version` is missing",
                          "begin the file with `version: 1`");
}

void find_jobs(File& file) {
    if (const Node* jobs = file.root.find("jobs"))
        for (const Member& job : jobs->members)
            if (job.value.is_map()) file.jobs.push_back({job.name, job.place, &job.value});
}

}  // namespace

std::optional<File> parse_file(int index, Diagnostics& diagnostics) {
    auto root = read_map(
        index, "e.g. `version: 1`, `on: { push: {} }` and `jobs: { test: { run: make test } }`",
        "begin with `version: 1`; a key and its value need `: ` between them", diagnostics);
    if (!root) return std::nullopt;
    const std::string& path = diagnostics.path(index);
    File file;
    file.index = index;
    file.root = std::move(*root);
    Checker(diagnostics).check_map(file.root, scope_top, "");
    check_version(file.root, index, diagnostics);
    if (const Member* on = file.root.member("on")) file.triggers = triggers_of(*on, diagnostics);
    for (const std::string_view name : {"gate", "params", "concurrency"})
        if (const Member* key = file.root.member(name); key != nullptr && path != k_main_file)
            diagnostics.error(key->place, "only_in_main_file",
                              fmt::format("`{}` stands only in .ci.yml", name), "move it there");
    find_jobs(file);
    return file;
}

std::optional<File> parse_fragment(int index, Diagnostics& diagnostics) {
    auto root = read_map(index, "e.g. `version: 1` and `steps: [make]`",
                         "begin with `version: 1`; a key and its value need `: ` between them",
                         diagnostics);
    if (!root) return std::nullopt;
    File file;
    file.index = index;
    file.root = std::move(*root);
    Checker(diagnostics).check_map(file.root, scope_fragment, "");
    check_version(file.root, index, diagnostics);
    const Node* steps = file.root.find("steps");
    const Node* jobs = file.root.find("jobs");
    if (steps != nullptr && jobs != nullptr)
        diagnostics.error(file.root.member("jobs")->place, "too_many_commands",
                          "a fragment has `steps` or `jobs`, not both", "make two files of it");
    if (steps == nullptr && jobs == nullptr)
        diagnostics.error({index}, "nothing_to_run", "this fragment has neither `steps` nor `jobs`",
                          "e.g. `steps: [make]`, or `jobs: { build: { run: make } }`");
    find_jobs(file);
    return file;
}

}  // namespace sluice::config
