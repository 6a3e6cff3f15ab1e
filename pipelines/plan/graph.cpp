#include "pipelines/plan/graph.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/plan/groups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

namespace sluice::plan {

using config::Node;

Graph::Graph(const std::vector<config::MergedJob>& jobs, const Calls& calls,
             config::Diagnostics& diagnostics)
    : jobs_(jobs), calls_(calls), needs_(jobs.size()), edges_(jobs.size()) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        by_id_.try_emplace(jobs[i].id, i);
        for (int call = jobs[i].call; call > 0; call = calls.at(call).parent)
            if (by_id_.contains(calls.at(call).caller)) inside_[calls.at(call).caller].push_back(i);
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        read_needs(i, diagnostics);
        for (int call = jobs[i].call; call > 0; call = calls.at(call).parent) {
            const Call& of = calls.at(call);
            const auto caller = by_id_.find(of.caller);
            if (caller == by_id_.end()) break;
            // The caller stands before its jobs, so its needs have been read.
            for (const DeclaredNeed& need : needs_[caller->second]) add_need(i, need);
            edges_[i].push_back(caller->second);
        }
        link(i);
    }
    sort(diagnostics);
}

void Graph::add_need(std::size_t job, DeclaredNeed need) {
    auto& needs = needs_[job];
    const auto twin = std::find_if(needs.begin(), needs.end(),
                                   [&](const DeclaredNeed& n) { return n.job == need.job; });
    if (twin == needs.end()) needs.push_back(std::move(need));
}

void Graph::read_needs(std::size_t job, config::Diagnostics& diagnostics) {
    const Node* list = jobs_[job].node.find("needs");
    if (list == nullptr) return;
    const Call& call = calls_.at(jobs_[job].call);
    for (const Node& item : list->items) {
        const Node* id = item.is_scalar() ? &item : item.find("job");
        if (id == nullptr) {
            if (item.is_map())
                diagnostics.error(item.place, "type_mismatch", "a need names its `job`",
                                  "e.g. `needs: [{ job: build, optional: true }]`");
            continue;
        }
        const Node* flag = item.find("optional");
        DeclaredNeed need{call.prefix + id->text, flag != nullptr && flag->text == "true"};
        need.place = id->place;
        if (const Node* matrix = item.find("matrix")) {
            need.axes = config::strings_of(matrix->is_map() ? nullptr : matrix);
            for (const config::Member& axis : matrix->members)
                need.values[axis.name] = axis.value.text;
        }
        if (!by_id_.contains(need.job)) {
            if (const auto full = call.outside.find(id->text); full != call.outside.end()) {
                need.job = full->second;
                add_need(job, std::move(need));
                continue;
            }
            if (need.optional || !config::is_job_id(id->text)) continue;
            diagnostics.error(
                id->place, "unknown_need",
                fmt::format("`{}` needs `{}`, which exists in no file", jobs_[job].id, id->text),
                unknown_hint(job, id->text));
            continue;
        }
        if (need.job == jobs_[job].id) {
            diagnostics.error(id->place, "need_cycle", fmt::format("`{}` needs itself", id->text),
                              "remove it");
            continue;
        }
        for (const DeclaredNeed& other : needs_[job])
            if (other.job == need.job && (other.is_by_cell() || need.is_by_cell()))
                diagnostics.error(id->place, "need_twice",
                                  fmt::format("`{}` needs `{}` twice", jobs_[job].id, id->text),
                                  "one entry names all cells that it waits for");
        add_need(job, std::move(need));
    }
}

std::string Graph::unknown_hint(std::size_t job, const std::string& need) const {
    const Call& call = calls_.at(jobs_[job].call);
    const std::string& prefix = call.prefix;
    std::vector<std::string> known;
    for (const auto& [visible, full] : call.outside) known.push_back(visible);
    for (const auto& [name, index] : by_id_) {
        if (index == job || !name.starts_with(prefix)) continue;
        std::string visible = name.substr(prefix.size());
        if (visible.find('/') == std::string::npos) known.push_back(std::move(visible));
    }
    if (auto near = text::nearest(need, known)) return fmt::format("did you mean `{}`?", *near);
    if (!call.outside.empty()) return "other generated jobs, and what the generating job needs";
    if (!prefix.empty())
        return "ids of jobs of this fragment; what the caller needs holds for all of them anyway";
    return "ids of jobs in `.ci.yml` and `.ci/*.yml`; `{ job: x, optional: true }` may be missing";
}

/// The jobs that must stand before, of its needs: of a caller all that it called.
void Graph::link(std::size_t job) {
    auto& edges = edges_[job];
    for (const DeclaredNeed& need : needs_[job]) {
        const auto at = by_id_.find(need.job);
        if (at == by_id_.end()) continue;  // outside
        edges.push_back(at->second);
        const auto jobs = inside_.find(need.job);
        if (jobs == inside_.end() || is_part_of(jobs_[job].id, need.job)) continue;
        edges.insert(edges.end(), jobs->second.begin(), jobs->second.end());
    }
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
}

void Graph::sort(config::Diagnostics& diagnostics) {
    std::vector<std::size_t> open(jobs_.size());
    std::vector<std::vector<std::size_t>> dependants(jobs_.size());
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        open[i] = edges_[i].size();
        for (const std::size_t before : edges_[i]) dependants[before].push_back(i);
    }
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t i = 0; i < jobs_.size(); ++i)
        if (open[i] == 0) ready.push(i);
    while (!ready.empty()) {
        const std::size_t job = ready.top();
        ready.pop();
        order_.push_back(job);
        for (const std::size_t next : dependants[job])
            if (--open[next] == 0) ready.push(next);
    }
    if (order_.size() == jobs_.size()) return;
    std::vector<std::size_t> waiting;
    for (std::size_t i = 0; i < jobs_.size(); ++i)
        if (open[i] > 0) waiting.push_back(i);
    report_cycle(waiting, diagnostics);
}

void Graph::report_cycle(const std::vector<std::size_t>& waiting,
                         config::Diagnostics& diagnostics) const {
    // Every waiting job has a waiting need, so walking along them must come back to a job already
    // seen.
    const std::set<std::size_t> left(waiting.begin(), waiting.end());
    std::vector<std::size_t> path;
    std::size_t at = waiting.front();
    while (std::find(path.begin(), path.end(), at) == path.end()) {
        path.push_back(at);
        for (const std::size_t next : edges_[at]) {
            if (!left.contains(next)) continue;
            at = next;
            break;
        }
    }
    path.erase(path.begin(), std::find(path.begin(), path.end(), at));
    // Begin with the job that stands first, so that the message does not depend on where the walk
    // began.
    std::rotate(path.begin(), std::min_element(path.begin(), path.end()), path.end());
    std::string text;
    for (const std::size_t job : path) text += jobs_[job].id + " → ";
    text += jobs_[path.front()].id;
    const std::string& first_need = jobs_[path.size() > 1 ? path[1] : path[0]].id;
    diagnostics.error(place_of_need(path.front(), first_need), "need_cycle",
                      fmt::format("`needs` goes in a circle: {}", text),
                      "a job waits for what it needs, so nobody would begin; remove one of them");
}

config::Place Graph::place_of_need(std::size_t job, const std::string& need) const {
    const Node* list = jobs_[job].node.find("needs");
    if (list != nullptr) {
        for (const Node& item : list->items) {
            const Node* id = item.is_scalar() ? &item : item.find("job");
            if (id != nullptr && is_part_of(need, id->text)) return id->place;
        }
    }
    return jobs_[job].place;
}

bool Graph::is_ancestor(std::size_t job, const std::string& id) const {
    const Call& call = calls_.at(jobs_[job].call);
    if (call.outside.contains(id)) return true;
    if (id.find('/') != std::string::npos) return false;
    const auto target = by_id_.find(call.prefix + id);
    if (target == by_id_.end()) return false;
    const auto needs_it = [&](std::size_t at) {
        return std::any_of(needs_[at].begin(), needs_[at].end(),
                           [&](const DeclaredNeed& need) { return need.job == target->first; });
    };
    if (needs_it(job)) return true;
    // What a caller holds stands after it, too: only a need of it counts.
    const bool is_caller = jobs_[target->second].opens != 0;
    std::vector<bool> seen(jobs_.size());
    std::vector<std::size_t> open{job};
    while (!open.empty()) {
        const std::size_t at = open.back();
        open.pop_back();
        if (is_caller && needs_it(at)) return true;
        for (const std::size_t before : edges_[at]) {
            if (before == target->second && !is_caller) return true;
            if (!seen[before]) open.push_back(before);
            seen[before] = true;
        }
    }
    return false;
}

std::set<std::string> Graph::ancestors(std::size_t job) const {
    std::set<std::string> all;
    std::set<std::size_t> seen;
    std::vector<std::size_t> open{job};
    while (!open.empty()) {
        const std::size_t at = open.back();
        open.pop_back();
        for (const DeclaredNeed& need : needs_[at]) all.insert(need.job);
        for (const std::size_t before : edges_[at]) {
            if (!jobs_[before].opens) all.insert(jobs_[before].id);
            if (seen.insert(before).second) open.push_back(before);
        }
    }
    const Call& call = calls_.at(jobs_[job].call);
    std::set<std::string> out;
    for (const std::string& id : all) {
        if (!id.starts_with(call.prefix)) continue;
        std::string visible = id.substr(call.prefix.size());
        // What a call holds is seen through the caller only.
        if (visible.find('/') == std::string::npos) out.insert(std::move(visible));
    }
    for (const auto& [visible, full] : call.outside) out.insert(visible);
    return out;
}

}  // namespace sluice::plan
