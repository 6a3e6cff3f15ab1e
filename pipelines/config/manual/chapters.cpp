#include "pipelines/config/manual/chapters.hpp"

namespace sluice::config::manual::chapters {

const std::string_view k_intro = R"(# `.ci.yml`: every key

This page is made by `sluice schema --markdown` from the table that the parser reads by; a test fails when they differ. `sluice schema job.timeout`
prints one section, `sluice schema` a JSON Schema for editors ([how to](../howto/editor.md)).

- `.ci.yml` and `.ci/*.yml` make one pipeline: one plan and one run per event. `needs` may cross files. `.ci/lib/**` is not read by itself.
- YAML 1.2: `on`, `yes` and `no` are strings, and a value keeps its source text until a key asks for a type: `3.10` stays `3.10`.
- Unknown and duplicate keys are errors. Every mistake is told at once: `sluice validate`.
- Below, `job.timeout` is the key `timeout` of a job. *(not yet)*: the key is read and checked, and a job that uses it does not start.

)";

const std::string_view k_yaml = R"(
<a id="yaml"></a>
## YAML

YAML 1.2 core without tags, one document per file, UTF-8, at most 256 KiB, 32 levels and 10,000 values. Anchors, aliases and `<<` work; a value that
an alias copies counts again. What people stumble over:

| written | what YAML makes of it | write |
|---|---|---|
| `if: !trusted` | a tag named `!trusted` | `if: not trusted` |
| `if: 'a' == branch` | the text `a`, then rubbish | `if: "'a' == branch"` |
| `if: branch == 'a' # b` | the rest is a comment | quote the whole condition when `#` belongs to it |
| `run: echo "b: c"` | a map inside the value | `run: 'echo "b: c"'`, or `run: \|` and the text below |
| `{ image: python:${{ matrix.py }} }` | `{` opens a map | `{ image: "python:${{ matrix.py }}" }` |
| `cron: * * * * *` | an alias | `cron: "0 2 * * *"` |
| a tab before a key | an error | spaces |
| `run:make` | one text, no key | `run: make` |
)";

const std::string_view k_values = R"(
<a id="values"></a>
## Values

| value | form | examples |
|---|---|---|
| duration | whole numbers with units `w d h m s ms`, falling; above 0, at most 366d. A bare number has no unit and is an error | `90s`, `1h30m` |
| size | a number with `K M G T` (1000) or `Ki Mi Gi Ti` (1024) | `8Gi`, `500M` |
| cores | a number, or thousandths with `m` | `4`, `0.5`, `500m` |
| percentage | a number and `%` | `80%` |
| time of day | `HH:MM` | `"04:00"` |
| cron expression | minute hour day month weekday; quote it, since a leading `*` is a YAML alias | `"0 2 * * *"`, `"@daily"` |
| glob | `*` within a part of a path, `**` across, `?`, `[a-z]`, `{a,b}`; a leading `!` removes; the last match decides | `["src/**", "!**/*.md"]` |
| path | relative to the workspace, without `..` and `~` | `out/junit.xml` |
| job id | a lower-case letter, then up to 62 lower-case letters, digits, `_`, `-` | `unit-tests` |
| image | a reference; `none` is the host | `python:3.12` |
| secret's name | a path and a name, never the secret itself | `registry/token` |
| reference to data | an output of a job, a dataset or a model with its version | `clean.rows`, `dataset://churn@latest` |
| fragment | a file of the repository, or of another one at a full commit id | `./.ci/lib/build.yml` |
)";

const std::string_view k_expressions = R"(
<a id="expressions"></a>
## Expressions

An expression stands inside `${{ }}`; `if` is one as a whole. `$VAR` belongs to the shell and is never touched.

- Types: `boolean`, `number`, `string`, `text`, `semver`, lists and objects; `?` marks what may be null. There is no truthiness: `if: pr.title != ''`.
- Operators, weakest first: `||`, `&&`, `!` or `not`, one of `== != < <= > >= in`, `??` (the first that is not null). No arithmetic, no ternary.
- Strings stand in `'…'` (a quote is doubled) or `"…"`. Both sides of an operator have one type; matrix values are strings: `matrix.py == '3.10'`.
- `text` is what an outsider can choose: a branch, a title, a message. It is refused in `run`, `image`, `runs_on`, paths and the like. Pass it by `env`.
- `when`, not `if`, looks at outcomes: there is no `success()` or `always()`.

| context | |
|---|---|
| `event` | `push`, `tag`, `pull_request`, `merge_queue`, `schedule`, `manual` or `dataset` |
| `branch` | of push, schedule and manual; null for a pull request, so `branch == default_branch` is never true before a merge |
| `target_branch`, `tag` | of a pull request or merge queue entry; of a tag |
| `default_branch`, `sha`, `short_sha` | always there |
| `pr` | `number title author source_branch target_branch draft fork labels`, or null |
| `queue`, `schedule`, `dataset` | of these events, else null |
| `commit` | `message author` |
| `trusted` | false for forks |
| `params.N`, `matrix.A`, `env.N` | params of the run and the job, this cell's values, variables of the file and the job |
| `needs.J` | a job that this one waits for: `result`, `outputs.N`, and `cells`, a list with `matrix`, `result`, `outputs`; of a job with `sweep` also `best` with `params`, `metrics`, `trial` (comes with sweeps) |
| `steps.I` | an earlier step of this job: `outcome`, `result`, `outputs.N` |
| `run`, `job`, `project` | `id number attempt url`, `id name`, `name path url` |

)";

}  // namespace sluice::config::manual::chapters
