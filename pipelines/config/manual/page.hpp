#pragma once
/// The reference page `docs/reference/ci-yml.md`, from the schema's rows and the table of
/// functions. Pure, any thread.

#include "pipelines/config/manual/places.hpp"

#include <string>

namespace sluice::config::manual {

/// The whole page, Markdown.
std::string page();
/// One key: what it means, what it takes, an example. Markdown.
std::string section(const Topic& topic);

/// Prose of a key for whom a line of help is not enough, "" for most. Markdown.
std::string_view details(std::string_view topic_name);
/// Names of the topics that have some.
std::vector<std::string> detailed_topics();

}  // namespace sluice::config::manual
