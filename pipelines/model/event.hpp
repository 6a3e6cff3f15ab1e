#pragma once
/// What happened to a repository, normalised from any source (forge webhook, git hook, API). Pure
/// values. Strings from outside are data only: they may hold `$(id)`, `<script>` or U+202E and are
/// valid UTF-8 by construction (text::sanitize_utf8).

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/json.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sluice::model {

enum class EventKind { push, tag, pull_request, merge_queue, schedule, manual, dataset };

/// What a pull request event says about it.
enum class PullRequestAction { opened, updated, closed };

struct PullRequest {
    std::int64_t number = 0;
    std::string title;
    std::string author;
    std::string source_branch;
    std::string target_branch;
    bool draft = false;
    bool fork = false;  ///< head repository differs from the base, or is unknown
    std::vector<std::string> labels;
    bool operator==(const PullRequest&) const = default;
};

/// The tick that a schedule event stands for, by its nominal local time.
struct ScheduleTick {
    std::string name;
    std::string date;  ///< `2026-03-29`
    std::string time;  ///< `02:30`
    bool operator==(const ScheduleTick&) const = default;
};

/// An entry of a merge queue: what would land, on top of what stands before it.
struct QueueEntry {
    std::vector<std::int64_t> prs;  ///< pull requests; a batch has several
    std::int64_t position = 0;      ///< 1 = the next to land
    std::string target_branch;
    bool operator==(const QueueEntry&) const = default;
};

/// A new version of a dataset.
struct DatasetVersion {
    std::string name;  ///< without `dataset://`
    std::string version;
    std::string digest;
    bool operator==(const DatasetVersion&) const = default;
};

struct Event {
    EventKind kind = EventKind::push;
    std::string branch;   ///< push, schedule, dataset, manual on a branch; "" else (null)
    std::string tag;      ///< tag events; "" else
    std::string sha;      ///< the commit to build, 40 or 64 hex
    std::string old_sha;  ///< push: the former tip, all zeros for a new branch; else ""
    bool forced =
        false;  ///< push: the old tip is not an ancestor of the new one (when the source tells)
    std::string actor;    ///< display text only, never identity
    std::string message;  ///< the tip's commit message, may be filled by git
    std::string author;   ///< of the commit
    std::optional<PullRequest> pull_request;
    std::vector<std::string> options;  ///< git push options
    std::optional<ScheduleTick> schedule;
    std::optional<QueueEntry> queue;
    std::optional<DatasetVersion> dataset;
    /// Values for `params` of the run, as text: what a person or a schedule gave, nothing else.
    std::map<std::string, std::string> params;
    bool operator==(const Event&) const = default;
};

json::Value to_json(const Event& event);
Result<Event> event_from_json(const json::Value& value, std::string pointer);

}  // namespace sluice::model

namespace sluice {
SLUICE_ENUM_NAMES(model::EventKind, "push", "tag", "pull_request", "merge_queue", "schedule",
                  "manual", "dataset");
SLUICE_ENUM_NAMES(model::PullRequestAction, "opened", "updated", "closed");
}  // namespace sluice
