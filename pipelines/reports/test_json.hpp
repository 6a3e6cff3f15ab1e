#pragma once
/// Test results as JSON: `go test -json` and `jest --json`. Foreign bytes: see json_documents.hpp;
/// at most 1,000,000 cases. Pure, any thread.

#include "pipelines/base/result.hpp"
#include "pipelines/model/reports.hpp"

#include <functional>
#include <memory>
#include <string_view>

namespace sluice::reports {

enum class TestJson { go, jest };

/// Feed the file in pieces of any size, then finish(). Refused with id `bad_tests`. Of go's
/// subtests the leaves count, and a parent that failed by itself; a package that did not build is
/// an errored case.
class TestJsonParser {
public:
    using Take = std::function<void(model::TestCase&&)>;
    TestJsonParser(TestJson format, Take take);
    ~TestJsonParser();
    TestJsonParser(const TestJsonParser&) = delete;
    TestJsonParser& operator=(const TestJsonParser&) = delete;

    Result<> feed(std::string_view bytes);
    Result<> finish();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::reports
