/// Keys of other systems and what they are called here.
#include "pipelines/config/schema.hpp"

#include <array>

namespace sluice::config {
namespace {

/// What newcomers write first (reference A11).
struct Foreign {
    std::string_view name;
    Scopes scopes;
    std::string_view hint;
};
constexpr Scopes k_anywhere = ~Scopes{0};
constexpr Scopes k_in_jobs = scope_job | scope_step | scope_defaults;
constexpr std::array k_foreign = {
    Foreign{"timeout-minutes", k_in_jobs, "write `timeout: 30m`"},
    Foreign{"strategy", k_in_jobs,
            "`matrix` stands directly in the job: `matrix: { py: [3.11, 3.12] }`"},
    Foreign{"script", k_in_jobs, "write `run`"},
    Foreign{"commands", k_in_jobs, "write `run`"},
    Foreign{"command", k_in_jobs, "write `run`"},
    Foreign{"before_script", k_in_jobs, "make it the first of `steps`"},
    Foreign{"after_script", k_in_jobs, "make it the last of `steps`, with `when: always`"},
    Foreign{"stage", k_in_jobs, "there are no stages: name the jobs to wait for in `needs`"},
    Foreign{"stages", k_anywhere, "there are no stages: name the jobs to wait for in `needs`"},
    Foreign{"rules", k_in_jobs, "use `if`, `changes` and `on`"},
    Foreign{"only", k_in_jobs, "use `if`, `changes` and `on`, e.g. `if: branch == 'main'`"},
    Foreign{"except", k_in_jobs, "use `if`, `changes` and `on`, e.g. `if: branch != 'main'`"},
    Foreign{"tags", k_in_jobs, "labels of the agent are `runs_on`"},
    Foreign{"variables", k_anywhere, "write `env`"},
    Foreign{"include", scope_top, "files `.ci/*.yml` are read by themselves"},
    Foreign{"default", scope_top, "write `defaults`"},
    Foreign{"continue-on-error", k_in_jobs, "write `allow_failure: true`"},
    Foreign{"dependencies", k_in_jobs, "name the job in `needs`"},
    Foreign{"depends_on", k_in_jobs, "write `needs`"},
    Foreign{"permissions", scope_top | k_in_jobs,
            "a job holds no token of the forge; access to a cloud is `id_tokens`"},
    Foreign{"container", k_in_jobs, "write `image`"},
    Foreign{"workflow", scope_top, "use `on`"},
    Foreign{"pipeline", scope_top, "write `jobs`"},
    Foreign{"steps", scope_top, "steps stand in a job: `jobs: { build: { steps: [make] } }`"},
    Foreign{"run", scope_top, "a script stands in a job: `jobs: { build: { run: make } }`"},
    Foreign{"needs", scope_step, "`needs` belongs to the job; steps run in turn"},
    Foreign{"matrix", scope_step, "`matrix` belongs to the job"},
    Foreign{"privileged", k_in_jobs, "what a container may do is decided by the agent's owner"},
    Foreign{"hostPath", k_in_jobs, "mounts of the host are decided by the agent's owner"},
    Foreign{"serviceAccountName", k_in_jobs, "service accounts are decided by the agent's owner"},
    Foreign{"branches-ignore", scope_push | scope_pull_request,
            "write `branches: [\"**\", \"!name\"]`"},
    Foreign{"paths-ignore", scope_push | scope_pull_request,
            "write `paths: [\"**\", \"!docs/**\"]`"},
    Foreign{"tags", scope_push, "tags are a trigger of their own: `on: { tag: [\"v*\"] }`"},
    Foreign{"types", scope_pull_request,
            "there are no types: a run starts when it is opened or updated"},
    Foreign{"workflow_dispatch", scope_on, "write `manual: {}`"},
    Foreign{"pull_request_target", scope_on, "write `pull_request`; forks never get secrets"},
    Foreign{"merge_request", scope_on, "write `pull_request`"},
    Foreign{"merge_requests", scope_on, "write `pull_request`"},
    Foreign{"merge_group", scope_on, "write `merge_queue: {}`"},
    Foreign{"release", scope_on, "write `tag: [\"v*\"]`"},
    Foreign{"cron", scope_on, "write `schedule`"},
    Foreign{"workflow_call", scope_on, "what others use is a fragment: `uses: ./.ci/lib/x.yml`"},
    Foreign{"name", scope_top, "a pipeline has no name of its own; remove it"},
    Foreign{"kind", scope_top, "remove it: a file holds `version`, `on` and `jobs`"},
    Foreign{"workflows", scope_top, "jobs name what they wait for in `needs`"},
    Foreign{"parallel", k_in_jobs,
            "cells are `matrix`; parts of a test run are `shards` of kind test"},
    Foreign{"trigger", k_in_jobs, "a job cannot start another project; call its API in `run`"},
    Foreign{"resource_group", k_in_jobs, "write `concurrency: { group: x, policy: queue }`"},
    Foreign{"coverage", k_in_jobs,
            "write `reports: { coverage: out/coverage.xml }`; it is read from the file"},
    Foreign{"executor", k_in_jobs, "agents are chosen by `runs_on`, containers by `image`"},
    Foreign{"pool", k_in_jobs, "agents are chosen by `runs_on`"},
    Foreign{"agent", k_in_jobs, "agents are chosen by `runs_on`"},
    Foreign{"volumes", k_in_jobs | scope_service,
            "mounts of the host are decided by the agent's owner"},
    Foreign{"ports", scope_service,
            "ports are published by themselves: $CI_SERVICE_<NAME>_HOST and _PORT"},
    Foreign{"cancel-in-progress", scope_concurrency, "write `policy: cancel_running`"},
    Foreign{"cancel_in_progress", scope_concurrency, "write `policy: cancel_running`"},
    Foreign{"max", scope_retry, "say for which cause: `retry: { infra: 2, script: 1 }`"},
    Foreign{"when", scope_retry, "say for which cause: `retry: { infra: 2, script: 1 }`"},
    Foreign{"artifacts", scope_need, "files of a need come by `outputs` there and `inputs` here"},
    Foreign{"aud", scope_id_token, "write `audience`"},
    Foreign{"pull_policy", scope_image, "write `pull`"},
    Foreign{"privileged", scope_on_kubernetes, "what a pod may do is decided by the agent's owner"},
    Foreign{"hostPath", scope_on_kubernetes, "mounts of the host are decided by the agent's owner"},
    Foreign{"serviceAccountName", scope_on_kubernetes,
            "service accounts are decided by the agent's owner"},
    Foreign{"reviewers", scope_environment,
            "who must agree is `approval: { by: [role] }` or the server's policy"},
};

}  // namespace

std::string_view hint_for_foreign_key(Scopes scope, std::string_view name) {
    for (const Foreign& row : k_foreign)
        if ((row.scopes & scope) != 0 && row.name == name) return row.hint;
    return {};
}

}  // namespace sluice::config
