#pragma once
/// Full reports as lists that people filter, sort and page through. The files are read once and
/// kept for a while: a page of 100,000 tests must not cost reading them all again. Blocking, disk
/// pool; thread-safe.

#include "pipelines/model/reports.hpp"
#include "pipelines/reports/coverage_file.hpp"
#include "server/logs/report_store.hpp"

#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice::core {

/// The tests of a job, each once: what ran again within the job stands there with its last result.
struct TestList {
    std::vector<model::TestCase> tests;
    std::unordered_map<std::uint64_t, std::size_t> by_name;  ///< see reports::test_key()

    const model::TestCase* find(const model::TestCase& test) const;
};

class ReportLists {
public:
    explicit ReportLists(const logs::ReportStore& store) : store_(store) {}

    /// Of several attempts: the shards of a job as one. Code not_found when there is no such
    /// report.
    Result<std::shared_ptr<const TestList>> tests(const std::vector<AttemptId>& attempts);
    Result<std::shared_ptr<const std::vector<model::Finding>>> findings(
        const std::vector<AttemptId>& attempts);
    Result<std::shared_ptr<const reports::JoinedCoverage>> coverage(
        const std::vector<AttemptId>& attempts);

private:
    template <class List, class Load>
    Result<std::shared_ptr<const List>> cached(const std::string& name,
                                               const std::vector<AttemptId>& attempts, Load load);

    struct Kept {
        std::string key;
        std::shared_ptr<const void> list;
        std::size_t size = 0;
    };
    const logs::ReportStore& store_;
    std::mutex mutex_;
    std::list<Kept> kept_;  ///< newest use first
};

struct TestQuery {
    /// failed (and errored), flaky, passed, skipped, new (failures that the base has not), slower;
    /// empty = all.
    std::set<std::string> states;
    std::string text;  ///< in the name, suite or file, whatever its case
    enum class Sort { as_reported, worst, slowest, name } sort = Sort::as_reported;
    std::int64_t offset = 0, limit = 500;
};
struct FindingQuery {
    std::set<std::string> severities;  ///< note warning error; empty = all
    std::set<std::string> states;      ///< new existing fixed; empty = new and existing
    std::string tool, text;
    enum class Sort { as_reported, file, worst } sort = Sort::as_reported;
    std::int64_t offset = 0, limit = 500;
};
struct CoverageQuery {
    std::string text;
    enum class Sort { name, worst } sort = Sort::name;
    bool summary = false;  ///< counts and ranges instead of lines
    std::int64_t offset = 0, limit = 500;
};
struct ListPage {
    json::Array items;
    std::int64_t total = 0;  ///< that match
};

/// With `base`, items tell what the test did there: `base_state`, `base_ms`, `new_failure`.
ListPage page_of(const TestList& list, const TestList* base, const TestQuery& query);
ListPage page_of(const std::vector<model::Finding>& list, const FindingQuery& query);
ListPage page_of(const reports::JoinedCoverage& list, const CoverageQuery& query);

/// Counts of what became of the tests since the base, and the first of each sort by name.
json::Object compare_tests(const TestList& head, const TestList& base);

}  // namespace sluice::core
