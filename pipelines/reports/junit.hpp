#pragma once
/// JUnit XML (pytest, gtest, ctest, catch2, go, jest flavours) → model::TestReport, streaming
/// through expat. Foreign bytes: no external entities, no DTD, depth <= 64, at most 200 MiB,
/// 1,000,000 cases. Pure, any thread.

#include "pipelines/base/result.hpp"
#include "pipelines/model/outcome.hpp"

#include <functional>
#include <memory>
#include <string_view>

namespace sluice::reports {

/// Feed the file in pieces of any size, then finish(). Refused with id `bad_junit` and
/// `line:column` in `where`.
class JunitParser {
public:
    JunitParser();
    ~JunitParser();
    JunitParser(const JunitParser&) = delete;
    JunitParser& operator=(const JunitParser&) = delete;

    Result<> feed(std::string_view bytes);
    Result<model::TestReport> finish();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Adds `more` to `into` (several report files of one job).
void merge(model::TestReport& into, const model::TestReport& more);

}  // namespace sluice::reports
