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
            "a job holds no token of the forge; cloud access will be `id_tokens`"},
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
};

}  // namespace

std::string_view hint_for_foreign_key(Scopes scope, std::string_view name) {
    for (const Foreign& row : k_foreign)
        if ((row.scopes & scope) != 0 && row.name == name) return row.hint;
    return {};
}

}  // namespace sluice::config
