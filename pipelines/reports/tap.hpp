#pragma once
/// TAP 12, 13 and 14 → test cases. Foreign bytes: lines over 64 KiB are cut, at most 1,000,000
/// cases, subtests at most 16 deep. Memory does not grow with the number of cases. Pure, any
/// thread.

#include "pipelines/base/result.hpp"
#include "pipelines/model/reports.hpp"

#include <functional>
#include <memory>
#include <string_view>

namespace sluice::reports {

/// Feed the stream in pieces of any size, then finish(). `not ok` with TODO and `ok` with SKIP
/// count as skipped. A parent of subtests is not counted beside them, unless it failed while they
/// passed. `Bail out!` and a plan that was not kept are errored cases: a run that broke off must
/// not look green. Refused with id `bad_tap` when there is neither a plan nor a test.
class TapParser {
public:
    using Take = std::function<void(model::TestCase&&)>;
    explicit TapParser(Take take);
    ~TapParser();
    TapParser(const TapParser&) = delete;
    TapParser& operator=(const TapParser&) = delete;

    Result<> feed(std::string_view bytes);
    Result<> finish();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::reports
