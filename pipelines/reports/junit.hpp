#pragma once
/// JUnit XML (pytest, gtest, ctest, catch2, go, jest, surefire flavours) → test cases, one by one.
/// Foreign bytes: see xml.hpp; at most 512 MiB, 1,000,000 cases. Memory does not grow with the
/// number of cases. Pure, any thread.

#include "pipelines/base/result.hpp"
#include "pipelines/model/reports.hpp"

#include <functional>
#include <memory>
#include <string_view>

namespace sluice::reports {

/// Feed the file in pieces of any size, then finish(). Refused with id `bad_junit` and
/// `line:column` in `where`; the cases before the fault have been given out then.
class JunitParser {
public:
    using Take = std::function<void(model::TestCase&&)>;
    explicit JunitParser(Take take);
    ~JunitParser();
    JunitParser(const JunitParser&) = delete;
    JunitParser& operator=(const JunitParser&) = delete;

    Result<> feed(std::string_view bytes);
    Result<> finish();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::reports
