/// Reports for people: a job's summaries and lists, what changed since its base, and the history of
/// a project.
#include "pipelines/base/text.hpp"
#include "server/api/report_base.hpp"
#include "server/core/report_book.hpp"

#include <algorithm>
#include <set>

namespace sluice::api {

namespace {

constexpr std::int64_t k_days = 90;

/// One job, or with `?shards=all` all shards of it.
struct Scope {
    store::Job job;
    std::vector<store::Job> jobs;

    std::vector<AttemptId> attempts() const {
        std::vector<AttemptId> out;
        for (const store::Job& one : jobs) out.push_back(one.log_attempt);
        return out;
    }
};

awaitable<Result<Scope>> scope_of(Api& api, const Request& request) {
    SLUICE_CO_TRY(const JobId id, path_id<JobId>(request, "job"));
    const std::string shards = query_text(request, "shards");
    if (!shards.empty() && shards != "all" && shards != "own")
        co_return error(Code::invalid, "bad_query", "shards is `own` or `all`", "shards");
    auto read = [id, all = shards == "all"](store::Tx& tx) -> std::optional<Scope> {
        auto job = store::find_job(tx, id);
        if (!job) return std::nullopt;
        Scope out{*job, {*job}};
        if (all && !job->shard_of.empty()) out.jobs = store::shards_of(tx, job->run, job->shard_of);
        return out;
    };
    auto scope = co_await api.read(std::move(read));
    if (!scope) co_return error(Code::not_found, "not_found", "no such job", "job");
    co_return std::move(*scope);
}

model::Reports parsed_reports(const store::Job& job) {
    auto value = json::parse(job.reports, {.bytes = 16u << 20, .depth = 16});
    auto reports =
        value ? model::reports_from_json(*value, "") : Result<model::Reports>(value.error());
    return reports ? std::move(*reports) : model::Reports{};
}

awaitable<model::Reports> reports_of(Api& api, const Scope& scope) {
    if (scope.jobs.size() == 1) co_return parsed_reports(scope.jobs.front());
    auto join = [&api, &scope] { return core::joined_reports(scope.jobs, api.report_lists); };
    co_return co_await runtime::run_on(api.disk, std::move(join));
}

awaitable<Reply> show(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const Scope scope, co_await scope_of(api, request));
    co_return json_reply(model::to_json(co_await reports_of(api, scope)));
}

/// The words of a comma-separated parameter; refused when one is not known.
Result<std::set<std::string>> query_words(const Request& request, std::string_view name,
                                          const std::set<std::string>& known) {
    std::set<std::string> out;
    for (const std::string& word : text::split(query_text(request, name), ',')) {
        if (word.empty()) continue;
        if (!known.contains(word))
            return error(Code::invalid, "bad_query",
                         "unknown value `" + text::sanitize_utf8(word, 40) + "`",
                         std::string(name));
        out.insert(word);
    }
    return out;
}

/// `sort` by name; the first is the default.
template <class Sort>
Result<Sort> query_sort(const Request& request,
                        const std::vector<std::pair<std::string_view, Sort>>& known) {
    const std::string wanted = query_text(request, "sort");
    if (wanted.empty()) return known.front().second;
    for (const auto& [name, sort] : known)
        if (name == wanted) return sort;
    return error(Code::invalid, "bad_query",
                 "unknown value `" + text::sanitize_utf8(wanted, 40) + "`", "sort");
}

struct Window {
    std::int64_t offset = 0, limit = 0;
};
Result<Window> query_window(const Request& request) {
    SLUICE_TRY(const auto offset, query_integer(request, "offset", 0, 0, 100'000'000));
    SLUICE_TRY(const auto limit, query_integer(request, "limit", 500, 1, 5'000));
    return Window{offset, limit};
}

Reply page_reply(core::ListPage page, const Window& window) {
    const bool more = window.offset + window.limit < page.total;
    json::Object out{{"items", std::move(page.items)}, {"total", page.total}, {"next", nullptr}};
    if (more) out["next"] = window.offset + window.limit;
    return json_reply(out);
}

Reply no_such_report() {
    return http::error_reply(
        error(Code::not_found, "not_found", "the job has no such report", "name"));
}

/// The job that this one is compared with: that of its verdict, else the newest before it.
awaitable<std::optional<core::BaselineJob>> base_of(Api& api, const store::Job& job) {
    auto find = [&api, job](store::Tx& tx) -> std::optional<core::BaselineJob> {
        const auto run = store::find_run(tx, job.run);
        if (!run) return std::nullopt;
        if (job.base_job) {
            auto base = store::find_job(tx, job.base_job);
            auto of = base ? store::find_run(tx, base->run) : std::nullopt;
            if (of) return core::baseline_job(tx, std::move(*base), std::move(*of));
        }
        const auto project = api.projects.find(run->project);
        return core::find_baseline(tx, *run, job, "", project ? project->default_branch : "");
    };
    co_return co_await api.read(std::move(find));
}

std::vector<AttemptId> attempts_of(const std::vector<store::Job>& jobs) {
    std::vector<AttemptId> out;
    for (const store::Job& job : jobs) out.push_back(job.log_attempt);
    return out;
}

awaitable<Reply> list_tests(Api& api, Request& request, const Scope& scope) {
    using Sort = core::TestQuery::Sort;
    core::TestQuery query;
    SLUICE_CO_TRY_REPLY(
        query.states,
        query_words(request, "state", {"failed", "flaky", "passed", "skipped", "new", "slower"}));
    SLUICE_CO_TRY_REPLY(query.sort, query_sort<Sort>(request, {{"reported", Sort::as_reported},
                                                               {"worst", Sort::worst},
                                                               {"slowest", Sort::slowest},
                                                               {"name", Sort::name}}));
    SLUICE_CO_TRY_REPLY(const Window window, query_window(request));
    query.text = query_text(request, "q");
    query.offset = window.offset;
    query.limit = window.limit;
    const auto base = co_await base_of(api, scope.job);
    auto load = [&api, &query, &base, attempts = scope.attempts()]() -> Result<core::ListPage> {
        SLUICE_TRY(const auto list, api.report_lists.tests(attempts));
        auto before = base ? api.report_lists.tests(attempts_of(base->jobs)) : list;
        return core::page_of(*list, base && before ? before->get() : nullptr, query);
    };
    auto page = co_await runtime::run_on(api.disk, std::move(load));
    if (!page) co_return no_such_report();
    co_return page_reply(std::move(*page), window);
}

/// The page of a list that no other job is needed for; the rest of the query has been read.
template <class Query>
awaitable<Reply> paged(Api& api, const Request& request, const Scope& scope, Query query,
                       Result<core::ListPage> (*pages)(Api&, const std::vector<AttemptId>&,
                                                       const Query&)) {
    SLUICE_CO_TRY_REPLY(const Window window, query_window(request));
    query.text = query_text(request, "q");
    query.offset = window.offset;
    query.limit = window.limit;
    auto load = [&api, &query, pages, attempts = scope.attempts()] {
        return pages(api, attempts, query);
    };
    auto page = co_await runtime::run_on(api.disk, std::move(load));
    if (!page) co_return no_such_report();
    co_return page_reply(std::move(*page), window);
}

Result<core::ListPage> findings_page(Api& api, const std::vector<AttemptId>& attempts,
                                     const core::FindingQuery& query) {
    SLUICE_TRY(const auto list, api.report_lists.findings(attempts));
    return core::page_of(*list, query);
}

Result<core::ListPage> coverage_page(Api& api, const std::vector<AttemptId>& attempts,
                                     const core::CoverageQuery& query) {
    SLUICE_TRY(const auto list, api.report_lists.coverage(attempts));
    return core::page_of(*list, query);
}

awaitable<Reply> list_findings(Api& api, Request& request, const Scope& scope) {
    using Sort = core::FindingQuery::Sort;
    core::FindingQuery query;
    SLUICE_CO_TRY_REPLY(query.severities,
                        query_words(request, "severity", {"note", "warning", "error"}));
    SLUICE_CO_TRY_REPLY(query.states, query_words(request, "state", {"new", "existing", "fixed"}));
    SLUICE_CO_TRY_REPLY(query.sort, query_sort<Sort>(request, {{"reported", Sort::as_reported},
                                                               {"file", Sort::file},
                                                               {"worst", Sort::worst}}));
    query.tool = query_text(request, "tool");
    co_return co_await paged(api, request, scope, std::move(query), findings_page);
}

awaitable<Reply> list_coverage(Api& api, Request& request, const Scope& scope) {
    using Sort = core::CoverageQuery::Sort;
    core::CoverageQuery query;
    SLUICE_CO_TRY_REPLY(query.sort,
                        query_sort<Sort>(request, {{"name", Sort::name}, {"worst", Sort::worst}}));
    SLUICE_CO_TRY_REPLY(const auto words, query_words(request, "summary", {"true", "false"}));
    query.summary = words.contains("true");
    co_return co_await paged(api, request, scope, std::move(query), coverage_page);
}

awaitable<Reply> list_items(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const std::string name, report_name(request));
    SLUICE_CO_TRY_REPLY(const Scope scope, co_await scope_of(api, request));
    if (name == "tests") co_return co_await list_tests(api, request, scope);
    if (name == "findings") co_return co_await list_findings(api, request, scope);
    co_return co_await list_coverage(api, request, scope);
}

awaitable<Reply> show_file(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const std::string name, report_name(request));
    SLUICE_CO_TRY_REPLY(const Scope scope, co_await scope_of(api, request));
    co_return co_await report_file(api, scope.attempts(), name);
}

json::Object view(const store::TestRecord& record) {
    return json::Object{{"job", record.key},
                        {"suite", record.suite},
                        {"name", record.name},
                        {"failures", record.failures},
                        {"commits", record.commits},
                        {"flaky_commits", record.flaky_commits},
                        {"message", record.message},
                        {"last_run_id", record.last_run.value},
                        {"last_job_id", record.last_job.value},
                        {"last_at", format_timestamp(record.last_at)}};
}

/// What the history knows of the tests that the summary names.
awaitable<json::Array> records_of(Api& api, const Scope& scope, const model::Reports& reports) {
    json::Array out;
    if (!reports.tests) co_return out;
    std::set<std::pair<std::string, std::string>> named;
    for (const auto* list : {&reports.tests->failures, &reports.tests->flaky_cases})
        for (const model::TestCase& test : *list) named.emplace(test.suite, test.name);
    if (named.empty()) co_return out;
    auto read = [&api, job = scope.job](store::Tx& tx) -> std::vector<store::TestRecord> {
        const auto run = store::find_run(tx, job.run);
        if (!run) return {};
        const Timestamp since{api.clock.now().ms -
                              Duration(std::chrono::hours(24 * k_days)).count()};
        return store::test_records(tx, run->project, core::job_key(job), since, false, 2'000);
    };
    for (const store::TestRecord& record : co_await api.read(std::move(read)))
        if (named.contains({record.suite, record.name})) out.push_back(view(record));
    co_return out;
}

json::Value view(const core::BaselineJob& base) {
    return json::Object{{"name", base.name},         {"run_id", base.run.id.value},
                        {"number", base.run.number}, {"branch", base.run.branch},
                        {"sha", base.run.sha},       {"job_id", base.job.id.value}};
}

awaitable<Reply> comparison(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const Scope scope, co_await scope_of(api, request));
    const model::Reports reports = co_await reports_of(api, scope);
    const auto base = co_await base_of(api, scope.job);
    std::optional<reports::Metrics> before;
    if (base) before = co_await base_metrics(api, *base);
    json::Array metrics;
    for (const auto& [name, value] : reports::metrics_of(reports)) {
        json::Object metric{{"name", name}, {"value", value}, {"base", nullptr}};
        if (before)
            if (const auto found = before->find(name); found != before->end())
                metric["base"] = found->second;
        metrics.push_back(std::move(metric));
    }
    json::Array records = co_await records_of(api, scope, reports);
    json::Object out{{"base", base ? view(*base) : json::Value(nullptr)},
                     {"metrics", std::move(metrics)},
                     {"tests", nullptr},
                     {"records", std::move(records)}};
    if (base && reports.tests) {
        auto compare = [&api, &base, attempts = scope.attempts()]() -> Result<json::Object> {
            SLUICE_TRY(const auto head, api.report_lists.tests(attempts));
            SLUICE_TRY(const auto old, api.report_lists.tests(attempts_of(base->jobs)));
            return core::compare_tests(*head, *old);
        };
        auto tests = co_await runtime::run_on(api.disk, std::move(compare));
        if (tests) out["tests"] = std::move(*tests);
    }
    co_return json_reply(out);
}

awaitable<Reply> history(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const store::Project project, path_project(api, request));
    SLUICE_CO_TRY_REPLY(const auto limit, query_integer(request, "limit", 50, 1, 500));
    store::MetricFilter filter{project.id, query_text(request, "job"),
                               query_text(request, "branch"), limit};
    if (filter.branch.empty()) filter.branch = project.default_branch;
    struct Read {
        std::vector<std::string> keys;
        std::vector<store::JobMetrics> points;
    };
    auto read = [filter](store::Tx& tx) -> Read {
        Read out{store::metric_keys(tx, filter.project, filter.branch), {}};
        if (!filter.key.empty()) out.points = store::metric_history(tx, filter);
        return out;
    };
    const Read found = co_await api.read(std::move(read));
    json::Array jobs, points;
    for (const std::string& key : found.keys) jobs.emplace_back(key);
    // A chart is read from left to right.
    for (auto point = found.points.rbegin(); point != found.points.rend(); ++point) {
        auto metrics = json::parse(point->metrics, {.bytes = 1u << 20, .depth = 2});
        points.push_back(json::Object{{"run_id", point->run.value},
                                      {"number", point->number},
                                      {"job_id", point->job.value},
                                      {"sha", point->sha},
                                      {"at", format_timestamp(point->at)},
                                      {"metrics", metrics ? *metrics : json::Object{}}});
    }
    co_return json_reply(json::Object{{"branch", filter.branch},
                                      {"job", filter.key},
                                      {"jobs", std::move(jobs)},
                                      {"points", std::move(points)}});
}

awaitable<Reply> unstable(Api& api, Request& request) {
    SLUICE_CO_TRY_REPLY(const store::Project project, path_project(api, request));
    SLUICE_CO_TRY_REPLY(const auto days, query_integer(request, "days", 30, 1, k_days));
    SLUICE_CO_TRY_REPLY(const auto limit, query_integer(request, "limit", 100, 1, 1'000));
    SLUICE_CO_TRY_REPLY(const auto all, query_words(request, "all", {"true", "false"}));
    auto read = [&api, id = project.id, key = query_text(request, "job"), days, limit,
                 only_flaky = !all.contains("true")](store::Tx& tx) {
        const Timestamp since{api.clock.now().ms - Duration(std::chrono::hours(24 * days)).count()};
        return store::test_records(tx, id, key, since, only_flaky, limit);
    };
    json::Array tests;
    for (const store::TestRecord& record : co_await api.read(std::move(read)))
        tests.push_back(view(record));
    co_return json_reply(json::Object{{"tests", std::move(tests)}, {"days", days}});
}

}  // namespace

std::vector<http::Route> report_routes(Api& api) {
    using http::Method;
    const std::string job = "/api/v1/jobs/{job}";
    const auto route = [&api](std::string pattern, awaitable<Reply> (*handle)(Api&, Request&)) {
        return person(api, Method::get, std::move(pattern), Role::read,
                      [&api, handle](Request& r, const Principal&) { return handle(api, r); });
    };
    return {
        route(job + "/reports", show),
        route(job + "/reports/{name}", list_items),
        route(job + "/reports/{name}/file", show_file),
        route(job + "/comparison", comparison),
        route("/api/v1/projects/{project}/metrics", history),
        route("/api/v1/projects/{project}/flaky-tests", unstable),
    };
}

}  // namespace sluice::api
