#pragma once
/// Where a test failed, as its failure text says it. Pure, any thread.

#include <optional>
#include <string>
#include <string_view>

namespace sluice::reports {

struct Location {
    std::string file;
    int line = 0;  ///< 1-based
};

/// The place that a failure text names: `tests/test_x.py:12: AssertionError` (pytest),
/// `src/a_test.cc:12: Failure` or `src/a_test.cc:12` (gtest), `a_test.go:12: …` (go),
/// `(src/a.test.js:12:5)` (jest), `at a_test.cpp:12` (catch2). With several candidates: one in
/// `file` when that is known, else one of pytest's form, else the first. Python prints the stack
/// with the innermost call last, so there the last one counts; elsewhere the first failure does.
std::optional<Location> find_location(std::string_view text, std::string_view file);

}  // namespace sluice::reports
