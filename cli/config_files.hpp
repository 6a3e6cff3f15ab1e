#pragma once
/// Which files `sluice validate` reads. Blocking, one thread.

#include "pipelines/plan/plan.hpp"
#include "platform/files.hpp"

#include <string>
#include <vector>

namespace sluice::cli {

/// One pipeline: the files that a server would plan together. `path` is the name as the planner
/// knows it
/// (`.ci.yml`, `.ci/x.yml`); `shown` is where it is for the person.
struct ConfigSet {
    std::vector<plan::SourceFile> files;
    std::vector<std::string> shown;
    std::vector<plan::SourceFile> fragments{};  ///< that the files name, and these name
    files::Path root{};                         ///< the folder that `./` of a fragment means

    /// The name for the person, and the text, of a file or fragment as the planner knows it.
    std::string shown_as(const std::string& path) const;
    std::string_view text_of(const std::string& path) const;
};

/// The fragments below `root` that the files name, and that these name.
std::vector<plan::SourceFile> read_fragments(const files::Path& root,
                                             const std::vector<plan::SourceFile>& files);

/// For each argument: a folder → its `.ci.yml` and `.ci/*.yml`; a `.ci.yml`, or a file in a `.ci`
/// folder → the whole pipeline around it; `-` → standard input; another file → itself as if it were
/// `.ci.yml`. Without arguments the pipeline of the checkout around the current folder. The same
/// pipeline named twice is returned once.
Result<std::vector<ConfigSet>> find_config(const std::vector<std::string>& arguments);

}  // namespace sluice::cli
