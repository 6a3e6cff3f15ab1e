#pragma once
/// Where the rows of the schema stand, as people say it: names of maps, topics, paths and whole
/// examples. What `sluice schema`, the reference page and completion are made of. Pure, any thread.

#include "pipelines/config/schema.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config::manual {

/// A map in which keys may stand, and how one gets there from the top of a file.
struct Map {
    Scopes scope = scope_top;
    std::string id;              ///< `job`, `on.push`, `threshold`
    std::string path;            ///< `jobs.<id>.thresholds[]`; "" = the top of a file
    Scopes parent = scope_none;  /// the map around it, scope_none for a file and a fragment
    const Key* key = nullptr;    ///< the key of `parent` that holds it
};

/// Every map with named keys, a map before those inside it; `defaults` and `fragment` come last.
const std::vector<Map>& all_maps();
/// nullptr for maps whose names are free (`env`, `jobs`).
const Map* find_map(Scopes scope);

/// A key in one map. `job.timeout`, with `-` for `.` also the anchor on the page.
struct Topic {
    const Map* map = nullptr;
    const Key* key = nullptr;
    std::string name() const;
    std::string anchor() const;
};

/// The topic under which the page describes that row: several maps may share it.
Topic topic_of(const Key& key);
/// The topic of the row that is `name` in that map; nothing when there is none.
std::optional<Topic> topic_of(Scopes scope, std::string_view name);
/// `job.timeout`, `jobs.test.timeout`, `timeout`: what a person may call a key. Of several the one
/// of a job, then of a file.
std::optional<Topic> find_topic(std::string_view words);
/// Where the reference speaks of what a diagnostic with that id is about, when no key is: a chapter
/// (`yaml`, `values`, `expressions`, `kinds`), a key or a map.
std::string_view topic_of_message(std::string_view id);
/// Names of all topics, in the order of the page.
std::vector<std::string> topic_names();

/// The key in its place, with what else it needs to be right: lines of YAML from the top of a file.
/// `version`, `on` and jobs that it refers to are left out.
std::string example(const Topic& topic);
/// The example as a whole file: with `version`, `on`, and the jobs that it refers to.
std::string example_file(const Topic& topic);

}  // namespace sluice::config::manual
