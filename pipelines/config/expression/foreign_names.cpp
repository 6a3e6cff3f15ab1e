#include "pipelines/config/expression/foreign_names.hpp"

#include <array>

namespace sluice::config::expression {
namespace {

struct Row {
    std::string_view name, hint;
};

// Longest prefix first.
constexpr std::array<Row, 22> k_contexts{{
    {"github.ref_name", "write `branch`, or `tag` for tag events"},
    {"github.ref", "write `branch == 'main'` or `tag != null`"},
    {"github.head_ref", "write `pr.source_branch`"},
    {"github.base_ref", "write `target_branch`"},
    {"github.sha", "write `sha`"},
    {"github.actor",
     "the actor of an event is display text and no context; decide by `branch`, `pr.fork` or "
     "`trusted`"},
    {"github.event_name", "write `event`"},
    {"github.event.pull_request.draft", "write `pr.draft`"},
    {"github.event.pull_request.title", "write `pr.title`"},
    {"github.run_number", "write `run.number`"},
    {"github.event", "contexts are: event branch target_branch tag pr commit default_branch sha"},
    {"github",
     "contexts are: event branch target_branch tag pr commit default_branch sha run job project"},
    {"secrets",
     "a secret is no context: name it under `secrets:` of the job, then it is an environment "
     "variable"},
    {"inputs", "write `params.x`"},
    {"vars", "write `env.NAME`"},
    {"runner",
     "a label of the agent is chosen by `runs_on`; its system is in the job's environment"},
    {"strategy", "write `matrix.x`"},
    {"CI_COMMIT_BRANCH", "write `branch`"},
    {"CI_COMMIT_TAG", "write `tag`"},
    {"CI_PIPELINE_SOURCE", "write `event`"},
    {"success", "write `when: success` on the job or step"},
    {"failure", "write `when: failure` on the job or step"},
}};

constexpr std::array<Row, 14> k_functions{{
    {"startsWith", "write `starts_with(s, prefix)`"},
    {"endsWith", "write `ends_with(s, suffix)`"},
    {"hashFiles", "write `hash_files(glob)`"},
    {"fromJSON", "write `from_json(s)`"},
    {"fromJson", "write `from_json(s)`"},
    {"toJSON", "write `to_json(x)`"},
    {"toJson", "write `to_json(x)`"},
    {"format", "join texts as `${{ a }}-${{ b }}`"},
    {"success", "that is the default; else write `when: success`"},
    {"failure", "write `when: failure` on the job or step"},
    {"always", "write `when: always` on the job or step"},
    {"cancelled", "write `when: always` on the job or step"},
    {"matches", "write `glob(s, pattern)`"},
    {"len", "write `length(x)`"},
}};

}  // namespace

std::string hint_for_foreign_context(std::string_view dotted) {
    // `inputs.debug`: the name goes on being the person's own.
    const auto renamed = [&](std::string_view theirs) {
        return dotted.starts_with(theirs) ? dotted.substr(theirs.size()) : std::string_view{};
    };
    if (const auto name = renamed("inputs."); !name.empty())
        return "write `params." + std::string(name) + "`, and declare it in `params`";
    if (const auto name = renamed("vars."); !name.empty())
        return "define it in `env` and write `env." + std::string(name) + "`";
    if (const auto name = renamed("secrets."); !name.empty())
        return "a secret is no context: write `secrets: { " + std::string(name) +
               ": path/name }` in the job, then it is the variable $" + std::string(name);
    for (const Row& row : k_contexts) {
        if (!dotted.starts_with(row.name)) continue;
        if (dotted.size() == row.name.size() || dotted[row.name.size()] == '.')
            return std::string(row.hint);
    }
    return {};
}

std::string hint_for_foreign_function(std::string_view name) {
    for (const Row& row : k_functions)
        if (name == row.name) return std::string(row.hint);
    return {};
}

}  // namespace sluice::config::expression
