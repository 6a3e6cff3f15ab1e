/// What one line of help cannot say about a key. A test checks that every topic exists.
#include "pipelines/config/manual/page.hpp"

#include <array>

namespace sluice::config::manual {
namespace {

struct Row {
    std::string_view topic, text;
};

constexpr std::array k_details = {
    Row{"file.on",
        "A file without `on` takes that of `.ci.yml`. `on: { push: {} }` means every branch. While "
        "a "
        "pull request of the same repository is open, a push to its branch gives the pull "
        "request's "
        "run only (see `on.push.with_pr`). `[skip ci]` in the message of the tip, or the push "
        "option "
        "`ci.skip`, means no run for that push."},
    Row{"file.defaults",
        "Maps merge key by key at every depth; lists and scalars replace; null removes. A default "
        "that says only how (`image: { pull: always }`, `push: { auth: … }`) is for the jobs that "
        "have the thing, the others do without. What only makes sense for one job cannot stand "
        "here: `needs if when on changes matrix run steps uses extends generate kind name "
        "outputs`."},
    Row{"file.jobs",
        "The same id in two files is an error. An id that begins with `.` is a template: it never "
        "runs and is only there for `extends`."},
    Row{"file.gate",
        "Read from the tip of the target branch when the verdict is computed, so a change cannot "
        "loosen its own gate. Several gates are a list; the first whose `branches` match counts. A "
        "gate on a branch that no `on.pull_request` reaches is an error."},
    Row{"gate.require",
        "An entry without a job in the run is red (*missing*), as is a commit without a run. "
        "`passed` "
        "and `not_selected` are green, `warned` is green with a note, what has not ended is "
        "pending, "
        "everything else is red. Without `require` every job of the run counts."},
    Row{"on.push.paths",
        "The run is made all the same, with jobs that are `not_selected`: a required check always "
        "reports. `branches` decides whether there is a run."},
    Row{"job.kind",
        "`script` runs `run` or `steps` and nothing else. The other kinds know more keys, read "
        "reports and give a verdict; see [kinds](#kinds)."},
    Row{"job.shards",
        "`test` becomes the jobs `test (1/4)` to `test (4/4)`; needs and gates that name `test` "
        "mean all of them. Tests are dealt out by what they took in the run that the job is "
        "compared with. Thresholds, coverage and comparisons hold for all shards together. A "
        "command of your own takes its part by `$CI_SHARD` and `$CI_SHARDS`. At most 64."},
    Row{"threshold.against",
        "`merge_base`: the run at the commit where the change starts; `target`: the newest run of "
        "the branch that the change goes to. Only `max_drop` and `max_rise` compare."},
    Row{"job.needs",
        "A need that is `not_selected`, or that the event does not bring, counts as satisfied. A "
        "need "
        "that failed makes this job `blocked`, unless `when` says otherwise. `{ job: build, "
        "optional: "
        "true }` does not mind if `build` exists in no file."},
    Row{"job.if",
        "Bare, or wholly inside one `${{ }}`. What reads `needs` is evaluated when the needs have "
        "ended. A job whose condition is false is `not_selected`: green, \"not needed\". YAML: "
        "quote "
        "the whole condition when it begins with a quote or holds ` #`; a leading `!` is a YAML "
        "tag, "
        "write `not`."},
    Row{"job.changes",
        "Compared with the tip before the push, or with the merge base of a pull request. Of tags, "
        "schedules and manual runs everything counts as changed. With `if`, both must hold."},
    Row{"job.when",
        "`success`: all needs passed, warned or were not needed. `failure`: some job that this one "
        "waits for failed. `always`: whatever happened. In a step it looks at the earlier steps of "
        "the job; steps with `always` also run after a cancel or timeout."},
    Row{"job.matrix",
        "Each combination of the axes' values is a cell, a job of its own: `test (3.11, linux)`. "
        "Values are strings, as they stand: `3.10` is not `3.1`. `include`, `exclude`, "
        "`max_parallel` "
        "and `fail_fast` are no axes. An axis may be a list that another job writes, "
        "`${{ needs.list.outputs.versions }}`: the cells are made when that job has ended, and "
        "their "
        "values are text. An empty list means that there is nothing to do: the job is "
        "not_selected. Where `uses` names a fragment with jobs, each cell is one expansion of it: "
        "`ship (test)/build`, `ship (live)/build`; `with` reads the cell's values, and the limits "
        "count expansions."},
    Row{"need.matrix",
        "A list of axes: the cells that have my value of these. A map: the cells that have these "
        "values. `needs.JOB.outputs` can be read when one cell is left, `needs.JOB.cells` always."},
    Row{"matrix.max_parallel",
        "So many cells are held, ready or running at a time, in the order of the plan."},
    Row{"matrix.fail_fast",
        "Cells that run are asked to stop, as by a cancel; the others do not start."},
    Row{"job.outputs",
        "A script writes `name=value`, or `name<<END`, lines and `END`, to the file `$CI_OUTPUT`. "
        "Only declared names count. What is not of its type fails the job, cause `config`. A "
        "`digest` is `sha256:` and 64 hex digits, alone or behind `reference@`; a `list` is a JSON "
        "array, or one item a line. A value has at most 64 KiB, all together 256 KiB. Others read "
        "them by `needs.JOB.outputs.NAME` in `if`, `env`, `image`, `run` (numbers, booleans and "
        "digests), `environment` and the keys of their kind; a string goes into a script by `env`. "
        "A job that reads an output which is not there is `blocked`, or `not_selected` when its "
        "job was; an `optional` need reads as null: `${{ needs.build.outputs.tag ?? 'none' }}`."},
    Row{"job.timeout",
        "Waiting for an agent, for approval or for an upload does not count. A number without a "
        "unit "
        "is an error."},
    Row{"job.retry",
        "Attempts are counted by why the last one ended; the outcome's cause is decided by the "
        "agent "
        "and never read from the log. A script that fails is not tried again unless `script` says "
        "so."},
    Row{"job.allow_failure",
        "The job is `warned` then: it counts as passed for jobs that need it and for the gate, "
        "which "
        "shows a note. A list of exit codes allows these only. A cancelled job stays cancelled."},
    Row{"job.environment",
        "Who must approve, from which branches, tags and events, and after which wait, are rules "
        "of the project ([environments](environments.md), `sluice environment set`); a name "
        "without rules is only recorded. The job's secrets may be of the environment alone. It is "
        "held while a newer run has deployed there, too. The run of a fork deploys nowhere."},
    Row{"job.approval",
        "The job is `held` until somebody with the right to agrees (`sluice run approve RUN JOB`, "
        "or "
        "the run's page). The agreement is bound to the commit and to what the job would do. While "
        "it is held it takes no slot of its `concurrency` group."},
    Row{"job.extends",
        "Merged like `defaults`, from left to right, the job itself last. `name` and `extends` are "
        "not inherited."},
    Row{"job.env",
        "Weakest first: the agent's few variables, `env` of the file, `defaults.env`, a "
        "template's, "
        "the job's, what earlier steps wrote to `$CI_ENV`, the step's. Values are literal: `$X` in "
        "them is not expanded. Names that begin with `CI_` cannot be set, and a name in "
        "`secrets` or `id_tokens` beside it is an error."},
    Row{"job.run",
        "bash with `-eo pipefail` where there is one, else sh with `-e`. A multi-line script "
        "stands "
        "below `run: |`. Text from outside (branches, titles) is refused here: pass it by `env`."},
    Row{"job.steps",
        "A string is short for `{ run: … }`. Steps share the workspace and `$CI_ENV`, nothing of "
        "the "
        "shell."},
    Row{"job.artifacts",
        "For people and the API. Files for other jobs are `outputs` there and `inputs` here."},
    Row{"job.cache",
        "Faster, but what is in it may be stale: the job always runs. Compare `memoize`, which "
        "skips "
        "the job."},
    Row{"job.concurrency",
        "At the top of `.ci.yml` it counts whole runs. A slot is asked for after approval. Pull "
        "requests have `{ group: pr-N, policy: cancel_running }` unless the file says otherwise."},
    Row{"job.source",
        "The commit is checked out before the first step; there is no step to write for it."},
    Row{"threshold.max_drop",
        "A percentage is of the base. It fails when the change is worse than the limit and larger "
        "than `ignore_below`."},
    Row{"artifact.expire_in", "Afterwards the files are deleted; the list of them stays."},
};

}  // namespace

std::string_view details(std::string_view topic_name) {
    for (const Row& row : k_details)
        if (row.topic == topic_name) return row.text;
    return {};
}

std::vector<std::string> detailed_topics() {
    std::vector<std::string> out;
    out.reserve(std::size(k_details));
    for (const Row& row : k_details) out.emplace_back(row.topic);
    return out;
}

}  // namespace sluice::config::manual
