#pragma once
/// Test cases of all report files of a job → totals, failures, flaky and slow ones. Memory grows
/// with the number of failures only. Pure, any thread.

#include "pipelines/model/reports.hpp"

#include <cstdint>
#include <unordered_map>

namespace sluice::reports {

class TestCollector {
public:
    /// `reruns`: a case that failed and comes again, in the same file or a later one, is another
    /// attempt of it; passing then makes it flaky. Without, every case counts for itself: two
    /// tests of one name must not hide each other.
    explicit TestCollector(bool reruns = false) : reruns_(reruns) {}

    void add(model::TestCase test);
    /// Which attempt of a test this case would be: above 1 only with reruns, after a failure.
    int attempt_of(const model::TestCase& test) const;
    const model::TestReport& report() const { return report_; }

private:
    void list(model::TestCase test);
    void rerun(std::uint64_t key, model::TestCase test);
    void note_slow(const model::TestCase& test);

    bool reruns_;
    model::TestReport report_;
    struct Failed {
        model::TestState state;
        int attempts = 1;
    };
    std::unordered_map<std::uint64_t, Failed> failed_;  ///< not passed so far; with reruns only
};

/// Suite and name as one number.
std::uint64_t test_key(const model::TestCase& test);

}  // namespace sluice::reports
