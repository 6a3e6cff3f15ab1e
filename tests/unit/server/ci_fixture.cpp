#include "tests/unit/server/ci_fixture.hpp"

namespace sluice::test {

Fixture::Fixture() {
    crypto::init();
    const std::string path = (folder.path / "ci.db").string();
    {
        store::Connection connection({.path = path});
        store::migrate(connection);
    }
    writer = std::make_unique<store::Writer>(store::Connection::Options{.path = path},
                                             store::Writer::Options{});
    scheduler.set_dispatch(
        [this](store::Tx& tx, const store::Job& job, AttemptId attempt, const std::string&) {
            protocol::ClaimedJob claimed;
            claimed.attempt = attempt;
            claimed.job = job.id;
            claimed.run = job.run;
            const auto planned = lifecycle.plan_of(tx, job.run);
            for (std::size_t i = 0; i < planned->ids.size(); ++i)
                if (planned->ids[i] == job.id) claimed.spec = planned->jobs[i].spec;
            return claimed;
        });
    project = write([&](store::Tx& tx) -> Result<ProjectId> {
        return store::insert_project(
            tx, {{}, "shop", "/srv/shop.git", "main", "git", "secret", clock.now()});
    });
    agent("alpha");
}

AgentId Fixture::agent(const std::string& name) {
    return write([&](store::Tx& tx) -> Result<AgentId> {
        store::Agent row;
        row.install_id = row.name = row.token_hash = name;
        row.labels = "[]";
        row.created_at = clock.now();
        return store::insert_agent(tx, row);
    });
}

RunId Fixture::run(std::vector<JobBuilder> jobs) {
    core::NewRun fresh;
    fresh.project = project;
    fresh.event.sha = std::string(40, 'a');
    fresh.event.branch = "main";
    fresh.plan.emplace();
    for (auto& builder : jobs) fresh.plan->jobs.push_back(std::move(builder.planned));
    return write([&](store::Tx& tx) -> Result<RunId> { return lifecycle.create_run(tx, fresh); });
}

Result<std::vector<protocol::ClaimedJob>> Fixture::try_claim(ClaimOptions o) {
    protocol::ClaimRequest request;
    request.session = o.session;
    request.seq = o.seq ? o.seq : ++seq;
    request.free = o.free;
    request.capacity = o.free;
    request.holding = o.holding;
    request.resources = o.resources;
    request.wait = Duration{o.park ? 1000 : 0};
    parked = std::make_shared<core::ParkedClaim>();
    parked->who = {o.agent, "alpha", o.labels, false};
    parked->session = o.session;
    parked->seq = request.seq;
    return attempt_write([&](store::Tx& tx) { return scheduler.claim(tx, request, parked); });
}

protocol::ClaimedJob Fixture::claim() {
    auto jobs = claim(ClaimOptions{});
    REQUIRE(jobs.size() == 1);
    return jobs.front();
}

protocol::ClaimedJob Fixture::started(const std::string& instance) {
    auto lease = claim();
    REQUIRE(start(lease, instance));
    return lease;
}

Result<> Fixture::start(const protocol::ClaimedJob& lease, const std::string& instance) {
    return attempt_write(
        [&](store::Tx& tx) { return lifecycle.start(tx, lease.attempt, instance); });
}

Result<model::JobState> Fixture::finish(const protocol::ClaimedJob& lease, model::Outcome outcome,
                                        const std::string& digest, const std::string& instance) {
    protocol::FinishRequest request;
    request.runner_instance = instance;
    request.outcome = std::move(outcome);
    return attempt_write(
        [&](store::Tx& tx) { return lifecycle.finish(tx, lease.attempt, request, digest); });
}

void Fixture::pass(std::chrono::seconds time) {
    for (int i = 0; i < time.count(); ++i) {
        clock.advance(std::chrono::seconds(1));
        const auto now = service.tick();
        for (auto id : leases.expired(now))
            write([&](store::Tx& tx) -> Result<bool> {
                lifecycle.expire(tx, id);
                return true;
            });
        write([&](store::Tx& tx) -> Result<bool> {
            lifecycle.offer_due(tx);
            return true;
        });
    }
}

store::Job Fixture::job_row(RunId run, const std::string& key) {
    return write([&](store::Tx& tx) -> Result<store::Job> {
        for (auto& row : store::jobs_of(tx, run))
            if (row.key == key) return row;
        return error(Code::not_found, "no_job", key);
    });
}

model::RunState Fixture::run_state(RunId run) {
    return write([&](store::Tx& tx) -> Result<store::Run> {
               return store::find_run(tx, run).value();
           })
        .state;
}

}  // namespace sluice::test
