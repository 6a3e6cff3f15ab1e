#pragma once
/// Splits tests over several machines so that they end together. Pure, any thread.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sluice::reports {

/// `count` lists that together hold every name exactly once, each in the order of `names`. The
/// longest test goes first, always to the list with the least so far (greedy LPT: at most 4/3 of
/// the best possible). A name without a recorded duration counts as the median of the known ones.
/// Equal input gives equal lists on every machine, whatever the order of `names`; a repeated name
/// is one test. `count` < 1 counts as 1.
std::vector<std::vector<std::string>> split_tests(
    const std::vector<std::string>& names, const std::map<std::string, std::int64_t>& milliseconds,
    int count);

/// A test of an earlier run.
struct TestTime {
    std::string suite, name, file;
    std::int64_t ms = 0;
};

/// How long each of the names took: a name is a test, `suite.test`, a suite (a package of go), a
/// file, or a Python file whose module is a suite or holds it; `test/section` counts for `test`.
/// Names that never ran are absent.
std::map<std::string, std::int64_t> durations_of(const std::vector<std::string>& names,
                                                 const std::vector<TestTime>& tests);

}  // namespace sluice::reports
