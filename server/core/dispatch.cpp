#include "server/core/dispatch.hpp"

#include "platform/crypto.hpp"
#include "server/core/packs.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::core {

Dispatch make_dispatch(Lifecycle& lifecycle, const ProjectDirectory& projects,
                       std::string public_url) {
    return [&lifecycle, &projects, public_url](store::Tx& tx, const store::Job& job,
                                               AttemptId attempt, const std::string& agent) {
        const auto run = store::find_run(tx, job.run).value();
        const auto planned = lifecycle.plan_of(tx, job.run);
        const auto index = static_cast<std::size_t>(
            std::find(planned->ids.begin(), planned->ids.end(), job.id) - planned->ids.begin());
        const auto project = projects.find(run.project).value_or(store::Project{});
        const auto& event = planned->event;

        protocol::ClaimedJob claimed;
        claimed.attempt = attempt;
        claimed.job = job.id;
        claimed.run = job.run;
        claimed.spec = planned->jobs.at(index).spec;
        claimed.sha = run.sha;
        claimed.project = run.project;
        claimed.scope = crypto::sha256_hex(cache_scopes(tx, run).front());
        claimed.source = claimed.spec.source;
        // Approved or not: nobody sits down where a fork's code has run.
        if (!(event.pull_request && event.pull_request->fork)) claimed.keep = Duration{run.keep_ms};
        auto& env = claimed.env;
        env["CI"] = "true";
        env["CI_RUN_ID"] = fmt::format("{}", run.id.value);
        env["CI_RUN_NUMBER"] = fmt::format("{}", run.number);
        env["CI_RUN_URL"] = fmt::format("{}/runs/{}", public_url, run.id.value);
        env["CI_JOB_NAME"] = job.key;
        env["CI_JOB_ID"] = fmt::format("{}", job.id.value);
        env["CI_ATTEMPT"] = fmt::format("{}", job.attempts + 1);
        env["CI_EVENT"] = run.event_kind;
        env["CI_PROJECT"] = run.project_name;
        env["CI_REPO_URL"] = project.url;
        env["CI_COMMIT_SHA"] = run.sha;
        env["CI_COMMIT_BRANCH"] = event.branch;
        env["CI_COMMIT_TAG"] = run.tag;
        env["CI_DEFAULT_BRANCH"] = project.default_branch;
        env["CI_SERVER_URL"] = public_url;
        env["CI_AGENT"] = agent;
        if (event.schedule) {
            env["CI_SCHEDULE"] = event.schedule->name;
            env["CI_SCHEDULE_DATE"] = event.schedule->date;
            env["CI_SCHEDULE_TIME"] = event.schedule->time;
        }
        if (event.pull_request) {
            env["CI_PR_NUMBER"] = fmt::format("{}", event.pull_request->number);
            env["CI_PR_TARGET_BRANCH"] = event.pull_request->target_branch;
        }
        return claimed;
    };
}

}  // namespace sluice::core
