#include "pipelines/plan/gates.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/checker.hpp"
#include "pipelines/config/document.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::plan {
namespace {

using config::Node;

/// One map, or a list of them.
std::vector<const Node*> gate_nodes(const Node& root) {
    std::vector<const Node*> out;
    const Node* gate = root.find("gate");
    if (gate == nullptr) return out;
    if (gate->is_map()) out.push_back(gate);
    for (const Node& item : gate->items)
        if (item.is_map()) out.push_back(&item);
    return out;
}

/// Also when no file says which pull requests it is for: then nothing can be said.
bool takes_pulls_to(const std::vector<config::File>& files, std::string_view branch) {
    bool any = false;
    for (const config::File& file : files) {
        if (!file.triggers || !file.triggers->pull_request) continue;
        any = true;
        const auto& branches = file.triggers->pull_request->branches;
        if (!branches || text::globs_match(*branches, branch)) return true;
    }
    return !any;
}

bool is_pattern(std::string_view text) {
    return text.find_first_of("*?[{\\!") != std::string_view::npos;
}

}  // namespace

std::vector<GateSpec> gates_of(const Node& root) {
    std::vector<GateSpec> out;
    for (const Node* gate : gate_nodes(root))
        out.push_back({config::strings_of(gate->find("branches")),
                       config::strings_of(gate->find("require"))});
    return out;
}

void check_gates(const config::File& main, const std::vector<config::File>& files,
                 const std::set<std::string>& job_ids, config::Diagnostics& diagnostics) {
    for (const Node* gate : gate_nodes(main.root)) {
        const Node* branches = gate->find("branches");
        for (const Node& branch : branches == nullptr ? std::vector<Node>{} : branches->items) {
            // Whether one pattern holds another cannot be told in general; plain names can.
            if (!branch.is_scalar() || is_pattern(branch.text) ||
                takes_pulls_to(files, branch.text))
                continue;
            diagnostics.error(branch.place, "gate_without_trigger",
                              fmt::format("the gate of branch `{}` could never be green: no pull "
                                          "request to it starts a run",
                                          branch.text),
                              "add the branch to `on.pull_request.branches`");
        }
        const bool has_queue = std::any_of(
            files.begin(), files.end(),
            [](const config::File& file) { return file.triggers && file.triggers->merge_queue; });
        if (const config::Member* queue = gate->member("queue"); queue != nullptr && !has_queue)
            diagnostics.error(queue->place, "queue_without_trigger",
                              "nothing would test what stands in the queue: no file is for the "
                              "event `merge_queue`",
                              "add `merge_queue: {}` to `on`");
        const Node* require = gate->find("require");
        for (const Node& name : require == nullptr ? std::vector<Node>{} : require->items) {
            if (!name.is_scalar() || name.text.starts_with('!')) continue;
            // What a job calls or generates is part of it, and may not be known yet.
            const std::string first = name.text.substr(0, name.text.find('/'));
            const bool found =
                std::any_of(job_ids.begin(), job_ids.end(), [&](const std::string& id) {
                    return text::glob_match(name.text, id) ||
                           (first.size() < name.text.size() && text::glob_match(first, id));
                });
            if (found) continue;
            const std::vector<std::string> known(job_ids.begin(), job_ids.end());
            const auto near = text::nearest(name.text, known);
            diagnostics.warning(
                name.place, "gate_matches_nothing",
                fmt::format("no job matches `{}`, so this gate stays red", name.text),
                near ? fmt::format("did you mean `{}`?", *near)
                     : "name ids of jobs, without matrix values");
        }
    }
}

std::optional<std::vector<GateSpec>> read_gates(const std::vector<SourceFile>& files) {
    const auto main = std::find_if(files.begin(), files.end(), [](const SourceFile& f) {
        return f.path == config::k_main_file;
    });
    if (main == files.end()) return std::vector<GateSpec>{};
    config::Diagnostics diagnostics;
    const int index = diagnostics.add_file(main->path, config::without_bom(main->text));
    auto root = config::parse_document(index, diagnostics);
    if (!root) return std::nullopt;
    // Only the gate has to be right: a mistake in a job must not open the branch.
    Node gate_alone;
    gate_alone.kind = Node::Kind::map;
    if (const config::Member* gate = root->member("gate")) gate_alone.members.push_back(*gate);
    config::Checker(diagnostics).check_map(gate_alone, config::scope_top, "");
    if (diagnostics.has_errors()) return std::nullopt;
    return gates_of(gate_alone);
}

}  // namespace sluice::plan
