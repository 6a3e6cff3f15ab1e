#pragma once
/// The three readers behind CoverageParser.

#include "pipelines/reports/coverage.hpp"

namespace sluice::reports {

struct CoverageParser::Format {
    virtual ~Format() = default;
    virtual Result<> feed(std::string_view bytes) = 0;
    virtual Result<> finish() = 0;
};

std::unique_ptr<CoverageParser::Format> make_cobertura(
    PathMap paths, std::function<bool(const std::string&)> exists, Coverage& into);
std::unique_ptr<CoverageParser::Format> make_lcov(PathMap paths, Coverage& into);
std::unique_ptr<CoverageParser::Format> make_gcov(PathMap paths, Coverage& into);

}  // namespace sluice::reports
