#pragma once
/// The reference page `docs/reference/ci-yml.md`, from the schema's rows and the table of
/// functions. Pure, any thread.

#include "pipelines/config/manual/places.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config::manual {

/// The whole page, Markdown.
std::string page();
/// One key: what it means, what it takes, an example. Markdown.
std::string section(const Topic& topic);

/// What `sluice schema` answers for a topic: of a key its section and the keys below it, of a map
/// its keys, of `yaml`, `values`, `expressions` and `kinds` the chapter. Markdown without anchors;
/// nothing when there is no such topic.
std::optional<std::string> explain(std::string_view topic);
/// All that explain() knows by its full name.
std::vector<std::string> explained_topics();

/// Prose of a key for whom a line of help is not enough, "" for most. Markdown.
std::string_view details(std::string_view topic_name);
/// Names of the topics that have some.
std::vector<std::string> detailed_topics();

}  // namespace sluice::config::manual
