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
    return out;
}

Triggers triggers_of(const Member& on) {
    Triggers out;
    out.place = on.place;
    if (const Node* push = on.value.find("push")) out.push = branch_trigger(*push);
    if (const Node* pr = on.value.find("pull_request")) out.pull_request = branch_trigger(*pr);
    out.tag = list_of(on.value, "tag");
    out.manual = on.value.find("manual") != nullptr;
    return out;
}

}  // namespace

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
    if (const Member* on = file.root.member("on")) file.triggers = triggers_of(*on);
    if (const Member* gate = file.root.member("gate"); gate != nullptr && path != k_main_file)
        diagnostics.error(gate->place, "only_in_main_file", "`gate` stands only in .ci.yml",
                          "move it there");
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
