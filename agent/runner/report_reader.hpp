#pragma once
/// Full reports read back (see report_writer.hpp). Bytes that the server gives: checked like those
/// of a stranger. Any thread.

#include "pipelines/base/result.hpp"
#include "pipelines/model/reports.hpp"
#include "pipelines/reports/shards.hpp"

#include <string_view>
#include <vector>

namespace sluice::agent {

/// Refused with id `bad_report`; at most 256 MiB of text.
Result<std::vector<model::Finding>> read_findings(std::string_view zstd);
Result<std::vector<reports::TestTime>> read_test_times(std::string_view zstd);

}  // namespace sluice::agent
