#include "server/core/report_book.hpp"

#include "pipelines/plan/plan.hpp"
#include "pipelines/reports/join.hpp"
#include "server/core/baseline.hpp"
#include "server/store/attempts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

namespace {

using model::TestCase;
using model::TestState;

/// Of one attempt: a broken commit fails thousands of tests, and none of them is flaky.
constexpr std::size_t k_failures_kept = 300;
constexpr std::size_t k_message_kept = 500;
constexpr std::int64_t k_earlier_attempts = 8;
constexpr Duration k_memory = std::chrono::hours(24 * 90);

bool is_bad(TestState state) {
    return state == TestState::failed || state == TestState::errored;
}

model::Reports parsed_reports(const store::Job& job) {
    auto value = json::parse(job.reports, {.bytes = 16u << 20, .depth = 16});
    auto reports =
        value ? model::reports_from_json(*value, "") : Result<model::Reports>(value.error());
    return reports ? std::move(*reports) : model::Reports{};
}

store::TestFailure failure_of(const FinishingJob& finishing, const TestCase& test) {
    store::TestFailure out;
    out.project = finishing.run.project;
    out.key = job_key(finishing.job);
    out.suite = test.suite;
    out.name = test.name;
    out.sha = finishing.run.sha;
    out.run = finishing.run.id;
    out.job = finishing.job.id;
    out.attempt = finishing.attempt;
    out.flaky = test.flaky;
    out.message = test.message.substr(0, k_message_kept);
    return out;
}

TestCase as_test(const store::TestFailure& failure) {
    TestCase out;
    out.suite = failure.suite;
    out.name = failure.name;
    return out;
}

/// A test that fails now has passed on this commit before; one that passes now has failed.
void find_flaky(const FinishingJob& finishing, model::TestReport& tests, Weighed& out,
                ReportLists& lists) {
    std::vector<std::shared_ptr<const TestList>> before;
    for (const AttemptId attempt : finishing.earlier)
        if (auto list = lists.tests({attempt})) before.push_back(std::move(*list));
    for (TestCase& test : tests.failures)
        test.flaky = std::any_of(before.begin(), before.end(), [&](const auto& list) {
            const TestCase* earlier = list->find(test);
            return earlier != nullptr && earlier->state == TestState::passed;
        });
    if (finishing.failures.empty()) return;
    const auto now = lists.tests({finishing.attempt});
    if (!now) return;
    for (const store::TestFailure& failure : finishing.failures) {
        const TestCase* test = (*now)->find(as_test(failure));
        if (test == nullptr || test->state != TestState::passed) continue;
        out.found_flaky.push_back(failure);
        const auto listed = [&](const TestCase& other) {
            return other.suite == failure.suite && other.name == failure.name;
        };
        // It ran again within the job, too, and is counted; or failed in several attempts before.
        if (test->flaky || std::any_of(tests.flaky_cases.begin(), tests.flaky_cases.end(), listed))
            continue;
        ++tests.flaky;
        TestCase flaky = *test;
        flaky.flaky = true;
        flaky.message = failure.message;
        if (tests.flaky_cases.size() < 100) tests.flaky_cases.push_back(std::move(flaky));
    }
}

/// The frameworks' steps leave no report where a shard has no test; that all of them have none is a
/// mistake.
bool promises_tests(const model::JobSpec& spec) {
    return spec.kind == "test" && (!spec.test.framework.empty() || spec.steps.empty());
}

/// A shard without tests passes without a report; one that broke before its tests has none either,
/// and then the others are not the whole.
bool tells(model::JobState state, const model::Reports& reports) {
    if (state == model::JobState::passed) return true;
    const bool ran = state == model::JobState::warned || state == model::JobState::failed;
    return ran && (reports.tests || reports.coverage);
}

model::JobState state_of(model::AttemptResult result) {
    if (result == model::AttemptResult::passed) return model::JobState::passed;
    return result == model::AttemptResult::failed ? model::JobState::failed
                                                  : model::JobState::errored;
}

void judge_shards(const FinishingJob& finishing, protocol::FinishRequest& request,
                  const reports::Baseline& base, Weighed& out, ReportLists& lists) {
    model::Reports joined = joined_reports(finishing, request.reports, lists);
    for (const store::Job& shard : finishing.shards) out.shards.push_back(shard.id);
    const bool whole =
        tells(state_of(request.outcome.result), request.reports) &&
        std::all_of(finishing.shards.begin(), finishing.shards.end(), [](const store::Job& shard) {
            return tells(shard.state, parsed_reports(shard));
        });
    if (whole) {
        reports::Rules rules;
        rules.thresholds = finishing.spec.thresholds;
        rules.needs_tests = promises_tests(finishing.spec);
        auto verdict = reports::judge(joined, rules, 0, base);
        request.reports.thresholds = joined.thresholds;
        if (verdict && request.outcome.result == model::AttemptResult::passed) {
            request.outcome = std::move(*verdict);
            request.outcome.message = fmt::format(
                "all {} shards together: {}", finishing.spec.test.shards, request.outcome.message);
        }
    } else if (!finishing.spec.thresholds.empty()) {
        request.reports.problems.push_back(
            "thresholds were not judged: a shard has ended without its reports");
    }
    if (whole) out.joined = std::move(joined);
}

}  // namespace

std::optional<FinishingJob> look(store::Tx& tx, AttemptId id) {
    const auto attempt = store::find_attempt(tx, id);
    if (!attempt) return std::nullopt;
    auto job = store::find_job(tx, attempt->job);
    auto run = store::find_run(tx, attempt->run);
    if (!job || !run) return std::nullopt;
    FinishingJob out{std::move(*job), std::move(*run), id, {}};
    out.ended_before = attempt->state == model::AttemptState::finished;
    auto value = json::parse(out.job.planned, {.bytes = 16u << 20, .depth = 64});
    auto planned =
        value ? plan::planned_job_from_json(*value) : Result<plan::PlannedJob>(value.error());
    if (planned) out.spec = std::move(planned->spec);
    // Completed with what other jobs gave, where it reads that.
    if (auto late = json::parse(out.job.spec, {.bytes = 16u << 20, .depth = 64});
        late && !out.job.spec.empty())
        if (auto spec = model::job_spec_from_json(*late)) out.spec = std::move(*spec);
    const std::string key = job_key(out.job);
    out.earlier = store::attempts_at(tx, out.run.project, key, out.run.sha, id, k_earlier_attempts);
    if (!out.earlier.empty())
        out.failures = store::failures_at(tx, out.run.project, key, out.run.sha);
    if (out.job.shard_of.empty()) return out;
    auto shards = store::shards_of(tx, out.job.run, out.job.shard_of);
    std::erase_if(shards, [&](const store::Job& other) { return other.id == out.job.id; });
    out.is_last_shard = std::all_of(shards.begin(), shards.end(), [](const store::Job& other) {
        return model::is_terminal(other.state);
    });
    if (out.is_last_shard) out.shards = std::move(shards);
    return out;
}

namespace {

model::Reports joined(std::vector<model::Reports> parts, const std::vector<AttemptId>& attempts,
                      ReportLists& lists) {
    model::Reports out = reports::join(parts);
    if (auto coverage = lists.coverage(attempts)) out.coverage = (*coverage)->report();
    return out;
}

}  // namespace

model::Reports joined_reports(const FinishingJob& finishing, const model::Reports& own,
                              ReportLists& lists) {
    // In the order of the shards: of a metric that several give, the last one's counts.
    std::vector<model::Reports> parts;
    std::vector<AttemptId> attempts;
    bool added = false;
    const auto add_own = [&] {
        parts.push_back(own);
        attempts.push_back(finishing.attempt);
        added = true;
    };
    for (const store::Job& shard : finishing.shards) {
        if (!added && shard.id.value > finishing.job.id.value) add_own();
        parts.push_back(parsed_reports(shard));
        attempts.push_back(shard.log_attempt);
    }
    if (!added) add_own();
    return joined(std::move(parts), attempts, lists);
}

model::Reports joined_reports(const std::vector<store::Job>& shards, ReportLists& lists) {
    std::vector<model::Reports> parts;
    std::vector<AttemptId> attempts;
    for (const store::Job& shard : shards) {
        parts.push_back(parsed_reports(shard));
        attempts.push_back(shard.log_attempt);
    }
    model::Reports out = joined(std::move(parts), attempts, lists);
    // The last shard to end holds the verdict on all of them.
    for (const store::Job& shard : shards)
        if (auto one = parsed_reports(shard); !one.thresholds.empty())
            out.thresholds = std::move(one.thresholds);
    return out;
}

Weighed weigh(const FinishingJob& finishing, protocol::FinishRequest& request,
              const reports::Baseline& base, ReportLists& lists) {
    Weighed out;
    if (finishing.ended_before) return out;
    if (request.reports.tests) {
        model::TestReport& tests = *request.reports.tests;
        find_flaky(finishing, tests, out, lists);
        for (const auto* list : {&tests.failures, &tests.flaky_cases})
            for (const TestCase& test : *list)
                if (out.failures.size() < k_failures_kept &&
                    (is_bad(test.state) || test.attempts > 1))
                    out.failures.push_back(failure_of(finishing, test));
    }
    if (finishing.is_last_shard) judge_shards(finishing, request, base, out, lists);
    return out;
}

void record(store::Tx& tx, const FinishingJob& finishing, const model::Reports& reports,
            const Weighed& weighed, Timestamp now) {
    if (finishing.ended_before) return;
    for (store::TestFailure failure : weighed.failures) {
        failure.at = now;
        store::insert_test_failure(tx, failure);
        if (failure.flaky) store::mark_flaky(tx, failure);
    }
    for (const store::TestFailure& failure : weighed.found_flaky) store::mark_flaky(tx, failure);
    if (!weighed.failures.empty())
        store::forget_failures(tx, finishing.run.project, {now.ms - k_memory.count()});
    const bool is_shard = !finishing.job.shard_of.empty();
    if (is_shard && !weighed.joined) return;
    const auto metrics = reports::metrics_of(is_shard ? *weighed.joined : reports);
    if (metrics.empty()) return;
    json::Object numbers;
    for (const auto& [name, value] : metrics) numbers[name] = value;
    store::put_metrics(tx, {.project = finishing.run.project,
                            .key = job_key(finishing.job),
                            .run = finishing.run.id,
                            .job = finishing.job.id,
                            .metrics = json::serialize(numbers)});
}

}  // namespace sluice::core
