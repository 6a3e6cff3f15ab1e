#include "pipelines/reports/join.hpp"

#include <algorithm>

namespace sluice::reports {
namespace {

constexpr std::size_t k_max_failures = 1'000;
constexpr std::size_t k_max_flaky = 100;
constexpr std::size_t k_max_slowest = 10;
constexpr std::size_t k_max_annotations = 50;
constexpr std::size_t k_max_problems = 100;

template <class T>
void append(std::vector<T>& into, const std::vector<T>& more, std::size_t most) {
    const std::size_t room = most - std::min(most, into.size());
    into.insert(into.end(), more.begin(),
                more.begin() + static_cast<std::ptrdiff_t>(std::min(room, more.size())));
}

void add(model::TestReport& into, const model::TestReport& more) {
    into.total += more.total;
    into.passed += more.passed;
    into.failed += more.failed;
    into.errored += more.errored;
    into.skipped += more.skipped;
    into.flaky += more.flaky;
    into.duration_ms += more.duration_ms;
    into.truncated = into.truncated || more.truncated ||
                     into.failures.size() + more.failures.size() > k_max_failures;
    append(into.failures, more.failures, k_max_failures);
    append(into.flaky_cases, more.flaky_cases, k_max_flaky);
    into.slowest.insert(into.slowest.end(), more.slowest.begin(), more.slowest.end());
    std::stable_sort(into.slowest.begin(), into.slowest.end(),
                     [](const auto& a, const auto& b) { return a.duration_ms > b.duration_ms; });
    if (into.slowest.size() > k_max_slowest) into.slowest.resize(k_max_slowest);
}

void add(std::optional<int>& into, const std::optional<int>& more) {
    if (more) into = into.value_or(0) + *more;
}

void add(model::FindingReport& into, const model::FindingReport& more) {
    into.total += more.total;
    into.errors += more.errors;
    into.warnings += more.warnings;
    into.notes += more.notes;
    add(into.added, more.added);
    add(into.fixed, more.fixed);
    if (into.compared.empty()) into.compared = more.compared;
    for (const auto& [tool, count] : more.by_tool) into.by_tool[tool] += count;
    append(into.annotations, more.annotations, k_max_annotations);
    into.truncated = into.truncated || more.truncated;
}

template <class T>
void add(std::optional<T>& into, const std::optional<T>& more) {
    if (!more) return;
    if (!into) into.emplace();
    add(*into, *more);
}

}  // namespace

model::Reports join(const std::vector<model::Reports>& parts) {
    model::Reports out;
    for (const model::Reports& part : parts) {
        add(out.tests, part.tests);
        add(out.findings, part.findings);
        for (const auto& [name, value] : part.metrics) out.metrics[name] = value;
        append(out.problems, part.problems, k_max_problems);
    }
    return out;
}

}  // namespace sluice::reports
