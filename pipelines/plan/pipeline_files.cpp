#include "pipelines/plan/pipeline_files.hpp"

#include "pipelines/config/document.hpp"
#include "pipelines/config/parser.hpp"
#include "pipelines/plan/triggers.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::plan {

using config::File;
using config::Node;

namespace {
constexpr std::size_t k_max_files = 100;
}

bool PipelineFiles::read() {
    if (input_.files.empty()) {
        diagnostics_.add_file(std::string(config::k_main_file), "");
        diagnostics_.error({}, "config_missing",
                           "there is no configuration at this commit: neither `.ci.yml` nor "
                           "`.ci/*.yml` exists",
                           "add a file `.ci.yml`, e.g. `version: 1`, `on: { push: {} }`, "
                           "`jobs: { test: { run: make test } }`");
        return false;
    }
    for (const SourceFile& source : input_.files) {
        const int index = diagnostics_.add_file(source.path, config::without_bom(source.text));
        if (static_cast<std::size_t>(index) >= k_max_files) {
            diagnostics_.error({index}, "too_many_files",
                               fmt::format("more than {} configuration files", k_max_files),
                               "join some");
            return false;
        }
        if (source.path.ends_with(".yaml")) {
            diagnostics_.error({index}, "wrong_file_name",
                               fmt::format("`{}` is not read", source.path),
                               "rename it to end in `.yml`");
            continue;
        }
        if (auto file = config::parse_file(index, diagnostics_)) {
            files_.push_back(std::move(*file));
        } else {
            unreadable_ = true;
        }
    }
    inherit_triggers();
    return true;
}

const File* PipelineFiles::main() const {
    for (const File& file : files_)
        if (diagnostics_.path(file.index) == config::k_main_file) return &file;
    return nullptr;
}

const Node& PipelineFiles::main_root() const {
    static const Node none;
    const File* file = main();
    return file == nullptr ? none : file->root;
}

void PipelineFiles::inherit_triggers() {
    const File* first = main();
    std::size_t jobs = 0;
    for (File& file : files_) {
        const auto own = std::count_if(file.jobs.begin(), file.jobs.end(),
                                       [](const auto& job) { return !job.is_template(); });
        jobs += static_cast<std::size_t>(own);
        if (file.triggers) continue;
        if (first != nullptr && first->triggers) {
            file.triggers = first->triggers;
        } else if (own > 0 && !unreadable_) {
            diagnostics_.error({file.index}, "on_missing",
                               "`on` is missing, so nothing would ever start these jobs",
                               "e.g. `on: { push: { branches: [main] }, pull_request: {} }`");
        }
    }
    if (jobs == 0 && !unreadable_ && !files_.empty()) {
        const Node* node = files_.front().root.find("jobs");
        const bool is_wrong_shape = node != nullptr && !node->is_null() && !node->is_map();
        if (!is_wrong_shape && !diagnostics_.has_errors())
            diagnostics_.error({files_.front().index}, "no_jobs", "there are no jobs",
                               "e.g. `jobs: { test: { run: make test } }`");
    }
}

bool PipelineFiles::is_triggered() const {
    // What cannot be read might have been meant for this event: say what is wrong with it.
    if (unreadable_ || files_.empty()) return true;
    return std::any_of(files_.begin(), files_.end(), [&](const File& file) {
        return !file.triggers || fires(*file.triggers, input_.event).fired;
    });
}

bool PipelineFiles::has_push_beside_pull_request() const {
    const auto& pull = input_.event.pull_request;
    const std::string& branch = pull ? pull->source_branch : input_.event.branch;
    return std::any_of(files_.begin(), files_.end(), [&](const File& file) {
        return file.triggers && file.triggers->push && file.triggers->push->with_pr &&
               by_branch(file.triggers->push, branch).fired;
    });
}

}  // namespace sluice::plan
