#pragma once
/// GitLab CI, in parts. Pure.

#include "pipelines/config/document.hpp"
#include "pipelines/import/common.hpp"
#include "pipelines/import/gitlab_rules.hpp"

namespace sluice::importer::gitlab {

/// A job with what it extends and the file's defaults.
struct JobSource {
    std::string name;
    Place place;
    Node node;
    std::string stage;
};

/// What the jobs of a file share.
struct File {
    Conversion& work;
    JobIds ids = {};
    std::vector<std::string> stages = {};
    std::map<std::string, std::string> variables = {};  ///< of the top, for conditions and images
    Node defaults = {};
    std::vector<JobSource> jobs = {};
    std::vector<std::string> dropped = {};
    std::string workflow_if = {};  ///< holds for every job
    bool merge_requests = false;   ///< some job is for merge requests
    bool workflow_merge_requests = false;
};

/// One job into `out`; false when it was not converted (a note says why).
bool convert_job(File& file, JobSource& job, Out& out);

/// A variable into `env`, or to what it means to GitLab itself (GIT_DEPTH …).
void put_variable(File& file, Out& owner, const std::string& name, const std::string& value,
                  const Place& at, const std::string& key);

/// `$NAME` of the file's variables replaced; nothing when another one is left.
std::optional<std::string> expanded(const File& file, const std::string& text);

}  // namespace sluice::importer::gitlab
