#pragma once
/// One configuration file → its triggers, jobs and templates, all checked against the schema. Pure,
/// any thread.

#include "pipelines/config/diagnostics.hpp"
#include "pipelines/config/node.hpp"
#include "pipelines/schedule/schedule.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sluice::config {

inline constexpr std::string_view k_main_file = ".ci.yml";

/// `push` or `pull_request`. Absent lists mean all.
struct BranchTrigger {
    std::optional<std::vector<std::string>> branches;
    std::optional<std::vector<std::string>> paths;
    bool drafts = true;    ///< pull_request
    bool with_pr = false;  ///< push
};

/// One of `schedule` and where it stands.
struct ScheduleSource {
    schedule::Schedule schedule;
    Place place;
    const Node* params = nullptr;  ///< lives as long as its File
};

struct Triggers {
    std::optional<BranchTrigger> push;
    std::optional<BranchTrigger> pull_request;
    std::optional<std::vector<std::string>> tag;
    std::vector<ScheduleSource> schedules;
    std::vector<std::string> datasets;  ///< names without `dataset://`
    bool manual = false;
    bool merge_queue = false;
    Place place;
};

/// The kinds of event that bring the jobs of a file with these triggers, by name.
std::set<std::string> event_names(const Triggers& triggers);

/// A job or template as its file gives it.
struct JobSource {
    std::string id;
    Place place;
    const Node* node = nullptr;  ///< lives as long as its File
    bool is_template() const { return id.starts_with('.'); }
};

struct File {
    int index = 0;  ///< in Diagnostics
    Node root;
    std::optional<Triggers> triggers;  ///< nothing: the file has no `on`
    std::vector<JobSource> jobs;

    File() = default;
    File(File&&) = default;
    File& operator=(File&&) = default;
    // `jobs` point into `root`; a copy's would point into the original.
    File(const File&) = delete;
    File& operator=(const File&) = delete;
};

/// Nothing when the text cannot be read at all; else what could be understood. Mistakes are in
/// `diagnostics`.
std::optional<File> parse_file(int index, Diagnostics& diagnostics);

/// The same for what `uses` names or a job has generated: `steps` or `jobs`, without triggers.
std::optional<File> parse_fragment(int index, Diagnostics& diagnostics);

/// The scalars of a list, or the one scalar.
std::vector<std::string> strings_of(const Node* node);

}  // namespace sluice::config
