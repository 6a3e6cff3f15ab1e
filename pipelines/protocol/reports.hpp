#pragma once
/// Reports in the agent protocol: the calls beside those of protocol/agent.hpp, with the same
/// `Authorization: Lease <token>`.
///
// clang-format off
/// | call | body → reply |
/// |---|---|
/// | PUT attempts/{id}/reports/{name}  | zstd of JSON lines, header X-Report-Sha256 → 204; 413 too_large, 400 bad_digest |
/// | GET attempts/{id}/baseline        | → BaselineReply |
/// | GET attempts/{id}/baseline/{name} | → the bytes of that report of the baseline's job; 404 |
// clang-format on

#include "pipelines/base/ids.hpp"
#include "pipelines/base/json.hpp"
#include "pipelines/reports/ranges.hpp"
#include "pipelines/reports/threshold.hpp"

#include <optional>
#include <string>

namespace sluice::protocol {

/// Of an uploaded report, compressed.
inline constexpr std::size_t k_report_max = 33u << 20;
inline constexpr std::size_t k_baseline_max = 32u << 20;
inline constexpr const char* k_report_digest = "X-Report-Sha256";

/// `findings`, `tests`, `coverage`: the names that reports have.
bool is_report_name(std::string_view name);

/// What the job of an attempt is compared with.
struct BaselineReply {
    std::string name;  ///< `run 12 of main`, or why there is none; for people
    JobId job;         ///< 0 = there is none
    bool has_findings = false, has_tests = false;
    std::optional<reports::Metrics> metrics;
    /// Of the newest run of the branch that the change goes to; only for jobs that ask for it.
    std::optional<reports::Metrics> target;
    std::optional<reports::ChangedLines> changes;  ///< from the base's commit to the attempt's
};

json::Value to_json(const BaselineReply& value);
Result<BaselineReply> parse_baseline(const json::Value& value);

}  // namespace sluice::protocol
