#pragma once
/// A full report as a file: one JSON object a line, the first naming the report, compressed by
/// zstd. Blocking; one thread.

#include "agent/runner/redactor.hpp"
#include "pipelines/base/json.hpp"
#include "pipelines/model/reports.hpp"
#include "platform/files.hpp"

#include <memory>

namespace sluice::agent {

class ReportWriter {
public:
    /// Compressed, a report holds at most so many bytes; lines beyond are dropped, and the last one
    /// says `{"truncated":true}`.
    static constexpr std::size_t k_max_bytes = 32u << 20;

    /// `name`: findings, tests, coverage. `redactor` masks what is written; it outlives the writer.
    ReportWriter(std::string name, files::Path path, const Redactor* redactor = nullptr);
    ~ReportWriter();
    ReportWriter(const ReportWriter&) = delete;
    ReportWriter& operator=(const ReportWriter&) = delete;

    void line(const json::Value& value);
    std::size_t lines() const;
    const files::Path& path() const;
    /// Ends the file. Refused with what went wrong while writing.
    Result<model::ReportFile> finish();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::agent
