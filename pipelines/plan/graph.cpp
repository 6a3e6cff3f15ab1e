#include "pipelines/plan/graph.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

namespace sluice::plan {

using config::Node;

Graph::Graph(const std::vector<config::MergedJob>& jobs, config::Diagnostics& diagnostics)
    : jobs_(jobs), needs_(jobs.size()) {
    for (std::size_t i = 0; i < jobs.size(); ++i) by_id_.try_emplace(jobs[i].id, i);
    for (std::size_t i = 0; i < jobs.size(); ++i) read_needs(i, diagnostics);
    sort(diagnostics);
}

void Graph::read_needs(std::size_t job, config::Diagnostics& diagnostics) {
    const Node* list = jobs_[job].node.find("needs");
    if (list == nullptr) return;
    for (const Node& item : list->items) {
        const Node* id = item.is_scalar() ? &item : item.find("job");
        if (id == nullptr) {
            if (item.is_map())
                diagnostics.error(item.place, "type_mismatch", "a need names its `job`",
                                  "e.g. `needs: [{ job: build, optional: true }]`");
            continue;
        }
        const Node* flag = item.find("optional");
        const Need need{id->text, flag != nullptr && flag->text == "true"};
        if (!by_id_.contains(need.job)) {
            if (need.optional || !config::is_job_id(need.job)) continue;
            std::vector<std::string> known;
            for (const auto& [name, index] : by_id_)
                if (index != job) known.push_back(name);
            std::string hint =
                "ids of jobs in `.ci.yml` and `.ci/*.yml`; `{ job: x, optional: true }` may be "
                "missing";
            if (auto near = text::nearest(need.job, known))
                hint = fmt::format("did you mean `{}`?", *near);
            diagnostics.error(
                id->place, "unknown_need",
                fmt::format("`{}` needs `{}`, which exists in no file", jobs_[job].id, need.job),
                hint);
            continue;
        }
        if (need.job == jobs_[job].id) {
            diagnostics.error(id->place, "need_cycle", fmt::format("`{}` needs itself", need.job),
                              "remove it");
            continue;
        }
        auto& needs = needs_[job];
        const auto twin = std::find_if(needs.begin(), needs.end(),
                                       [&](const Need& n) { return n.job == need.job; });
        if (twin == needs.end()) needs.push_back(need);
    }
}

void Graph::sort(config::Diagnostics& diagnostics) {
    std::vector<std::size_t> open(jobs_.size());
    std::vector<std::vector<std::size_t>> dependants(jobs_.size());
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        open[i] = needs_[i].size();
        for (const Need& need : needs_[i]) dependants[by_id_.at(need.job)].push_back(i);
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
        for (const Need& need : needs_[at]) {
            const std::size_t next = by_id_.at(need.job);
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
            if (id != nullptr && id->text == need) return id->place;
        }
    }
    return jobs_[job].place;
}

std::set<std::string> Graph::ancestors(std::size_t job) const {
    std::set<std::string> out;
    std::vector<std::size_t> open{job};
    while (!open.empty()) {
        const std::size_t at = open.back();
        open.pop_back();
        for (const Need& need : needs_[at])
            if (out.insert(need.job).second) open.push_back(by_id_.at(need.job));
    }
    return out;
}

}  // namespace sluice::plan
