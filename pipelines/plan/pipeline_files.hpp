#pragma once
/// The project's files of one commit: read, with `on` inherited, and asked for an event. Pure, one
/// thread at a time.

#include "pipelines/config/merge.hpp"
#include "pipelines/plan/plan.hpp"

#include <vector>

namespace sluice::plan {

class PipelineFiles {
public:
    /// The arguments outlive this object.
    PipelineFiles(const Input& input, config::Diagnostics& diagnostics)
        : input_(input), diagnostics_(diagnostics) {}

    /// False when there is nothing to go on with. Mistakes: `config_missing`, `too_many_files`,
    /// `wrong_file_name`, `on_missing`, `no_jobs` and those of the parser.
    bool read();
    /// One that is none of the commit's: a generated fragment.
    void add(config::File file) { files_.push_back(std::move(file)); }

    const std::vector<config::File>& all() const { return files_; }
    const config::File& of(const config::MergedJob& job) const {
        return files_[static_cast<std::size_t>(job.file)];
    }
    /// Some file could not be read: what it says is not known.
    bool is_unreadable() const { return unreadable_; }
    /// `.ci.yml`, nullptr when there is none.
    const config::File* main() const;
    const config::Node& main_root() const;
    bool is_triggered() const;
    /// `with_pr` of a file that a push to this branch, or to that of this pull request, brings.
    bool has_push_beside_pull_request() const;

private:
    void inherit_triggers();

    const Input& input_;
    config::Diagnostics& diagnostics_;
    std::vector<config::File> files_;
    bool unreadable_ = false;
};

}  // namespace sluice::plan
