#pragma once
/// When a GitLab job runs: conditions over variables, `rules`, `only` and `except` → an `if`. Pure.

#include "pipelines/base/result.hpp"
#include "pipelines/import/common.hpp"

namespace sluice::importer::gitlab {

/// A condition like `$CI_COMMIT_BRANCH == "main" && $X`. `variables` are those of the file, which
/// are constants here. Refused with a reason for people.
Result<std::string> condition(std::string_view text,
                              const std::map<std::string, std::string>& variables);

/// What rules or only/except say of a job.
struct Selection {
    std::string text;             ///< the `if`; "" = true
    std::string when;             ///< `on_failure`, `always`, `manual`, `delayed` or ""
    bool merge_requests = false;  ///< some part of it is for merge requests
    bool only_merge_requests = false;
    bool allow_failure = false;
};

/// From `rules`; nothing (and notes) when it cannot be kept.
std::optional<Selection> from_rules(Ledger& ledger, const Node& rules, const std::string& path,
                                    const std::map<std::string, std::string>& variables);
/// From `only` and `except`, either may be nullptr.
std::optional<Selection> from_only_except(Ledger& ledger, const Node* only, const Node* except,
                                          const std::string& path,
                                          const std::map<std::string, std::string>& variables);

}  // namespace sluice::importer::gitlab
