// bench_store FOLDER JOBS CPU: stores a run of JOBS jobs that are ready at once, in one transaction
// on a new database in FOLDER, as a push does it, and prints `seconds floor`: the floor stores as
// many rows of the same bytes, one after the other. With CPU > 0 each job asks for that many cores,
// which no agent has, and has waited long enough for room to be held back for it.
#include "pipelines/plan/plan.hpp"
#include "platform/clock.hpp"
#include "platform/crypto.hpp"
#include "server/core/lifecycle.hpp"
#include "server/store/agents.hpp"
#include "server/store/projects.hpp"
#include "server/store/schema.hpp"
#include "server/store/writer.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace sluice;

namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

plan::PlannedJob job(int number, double cpu) {
    plan::PlannedJob out;
    out.spec.id = out.spec.base = out.spec.name = fmt::format("job{}", number);
    out.spec.steps.push_back({});
    out.spec.steps.back().run = "./build --system linux\n./test --shard " + std::to_string(number);
    out.spec.env = {{"MODE", "release"}, {"SHARD", std::to_string(number)}};
    if (cpu > 0) out.spec.resources.cpu_millis = static_cast<std::int64_t>(cpu * 1000);
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const int jobs = std::atoi(argv[2]);
    const double cpu = std::atof(argv[3]);
    crypto::init();
    const std::string path = std::string(argv[1]) + "/bench.db";
    {
        store::Connection connection({.path = path});
        store::migrate(connection);
        connection.exec("CREATE TABLE floor(id INTEGER PRIMARY KEY, bytes TEXT NOT NULL)");
    }
    SystemClock clock;
    store::Writer writer({.path = path}, {});
    core::ServiceClock service(clock, {});
    core::LeaseTable leases;
    core::EventFeed feed{{}};
    core::LeaseTimes times;
    times.hold_room = Duration{0};
    core::Scheduler scheduler(leases, service, clock, times);
    core::Lifecycle lifecycle(scheduler, leases, feed, service, clock);
    auto known = [&](store::Tx& tx) -> Result<ProjectId> {
        return store::insert_project(
            tx, {{}, "shop", "/srv/shop.git", "main", "git", "secret", clock.now()});
    };
    core::NewRun fresh;
    fresh.project = writer.write_blocking(known).value();
    fresh.event.sha = std::string(40, 'a');
    fresh.event.branch = "main";
    fresh.plan.emplace();
    for (int i = 0; i < jobs; ++i) fresh.plan->jobs.push_back(job(i, cpu));
    const std::string bytes = json::serialize(plan::to_json(fresh.plan->jobs.front()));

    auto begin = std::chrono::steady_clock::now();
    auto create = [&](store::Tx& tx) -> Result<RunId> { return lifecycle.create_run(tx, fresh); };
    if (auto made = writer.write_blocking(create); !made)
        return std::fprintf(stderr, "%s\n", made.error().message.c_str()), 1;
    const double took = seconds_since(begin);

    begin = std::chrono::steady_clock::now();
    auto rows = [&](store::Tx& tx) -> Result<> {
        for (int i = 0; i < jobs; ++i) tx.exec("INSERT INTO floor(bytes) VALUES (:a)", bytes);
        return {};
    };
    writer.write_blocking(rows).value();
    std::printf("%.4f %.4f\n", took, seconds_since(begin));
    return 0;
}
