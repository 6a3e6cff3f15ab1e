#pragma once
/// The graph of `needs` over all files: checks, order, ancestors. Pure.

#include "pipelines/config/merge.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/plan/calls.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace sluice::plan {

/// One of `needs` as the file says it.
struct DeclaredNeed {
    std::string job;  ///< full id
    bool optional = false;
    std::vector<std::string> axes{};              ///< cells with my value of these
    std::map<std::string, std::string> values{};  ///< cells with these values
    config::Place place{};
    bool is_by_cell() const { return !axes.empty() || !values.empty(); }
};

class Graph {
public:
    /// Reads `needs` of every job. Mistakes: `unknown_need`, `need_cycle`.
    Graph(const std::vector<config::MergedJob>& jobs, const Calls& calls,
          config::Diagnostics& diagnostics);

    /// Needs of that job and of its callers that exist in some file, each once.
    const std::vector<DeclaredNeed>& needs(std::size_t job) const { return needs_[job]; }
    /// Ids of everything the job waits for, directly or not, as its own file writes them: a job of
    /// a fragment sees those of the fragment.
    std::set<std::string> ancestors(std::size_t job) const;
    /// Whether ancestors() holds the id, without finding them all.
    bool is_ancestor(std::size_t job, const std::string& id) const;
    /// Every job after its needs, else in file order. All jobs, when there is no cycle.
    const std::vector<std::size_t>& order() const { return order_; }

private:
    void read_needs(std::size_t job, config::Diagnostics& diagnostics);
    void add_need(std::size_t job, DeclaredNeed need);
    void link(std::size_t job);
    std::string unknown_hint(std::size_t job, const std::string& need) const;
    void sort(config::Diagnostics& diagnostics);
    void report_cycle(const std::vector<std::size_t>& waiting,
                      config::Diagnostics& diagnostics) const;
    config::Place place_of_need(std::size_t job, const std::string& need) const;

    const std::vector<config::MergedJob>& jobs_;
    const Calls& calls_;
    std::map<std::string, std::size_t> by_id_;
    std::map<std::string, std::vector<std::size_t>> inside_;  ///< jobs of a caller, by its id
    std::vector<std::vector<DeclaredNeed>> needs_;
    std::vector<std::vector<std::size_t>> edges_;  ///< what must stand before, each once
    std::vector<std::size_t> order_;
};

}  // namespace sluice::plan
