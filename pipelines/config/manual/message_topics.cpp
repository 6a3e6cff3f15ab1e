/// What the reference has to say about a message that belongs to no single key.
#include "pipelines/config/manual/places.hpp"

#include <array>

namespace sluice::config::manual {
namespace {

struct Row {
    std::string_view id, topic;
};

constexpr std::array k_rows = {
    Row{"alias_cycle", "yaml"},
    Row{"bad_encoding", "yaml"},
    Row{"bad_merge", "yaml"},
    Row{"comment_in_condition", "yaml"},
    Row{"config_too_large", "yaml"},
    Row{"duplicate_key", "yaml"},
    Row{"multiple_documents", "yaml"},
    Row{"tag_not_allowed", "yaml"},
    Row{"too_deep", "yaml"},
    Row{"too_many_keys", "yaml"},
    Row{"too_many_nodes", "yaml"},
    Row{"unknown_anchor", "yaml"},
    Row{"yaml_syntax", "yaml"},

    Row{"config_missing", "file"},
    Row{"more_diagnostics", "file"},
    Row{"too_many_files", "file"},
    Row{"wrong_file_name", "file"},
    Row{"bad_version", "file.version"},
    Row{"version_missing", "file.version"},
    Row{"on_missing", "file.on"},
    Row{"duplicate_job", "file.jobs"},
    Row{"no_jobs", "file.jobs"},
    Row{"only_in_main_file", "file.gate"},
    Row{"gate_matches_nothing", "gate.require"},
    Row{"gate_without_trigger", "file.gate"},
    Row{"too_many_jobs", "file.jobs"},

    Row{"event_not_in_file", "job.on"},
    Row{"extends_cycle", "job.extends"},
    Row{"unknown_template", "job.extends"},
    Row{"need_cycle", "job.needs"},
    Row{"unknown_need", "job.needs"},
    Row{"bad_matrix_value", "job.matrix"},
    Row{"exclude_matches_nothing", "matrix.exclude"},
    Row{"matrix_empty", "job.matrix"},
    Row{"matrix_incomplete", "matrix.include"},
    Row{"matrix_late", "job.matrix"},
    Row{"matrix_too_large", "job.matrix"},
    Row{"matrix_twin", "job.matrix"},
    Row{"unknown_axis", "job.matrix"},
    Row{"unknown_kind", "kinds"},
    Row{"key_of_other_kind", "kinds"},
    Row{"nothing_to_run", "job.run"},
    Row{"too_many_commands", "job.steps"},
    Row{"too_many_steps", "job.steps"},
    Row{"duplicate_artifact", "job.artifacts"},
    Row{"env_forbidden", "job.env"},
    Row{"not_carried_out", "job"},
    Row{"job_too_large", "job"},
    Row{"plan_too_large", "job.matrix"},
    Row{"two_values", "job.env"},
    Row{"image_without_container", "step.image"},
    Row{"no_services_there", "job.services"},
    Row{"time_below_timeout", "job.timeout"},
    Row{"bad_generated", "job.generate"},
    Row{"bad_call", "job.uses"},
    Row{"fragment_missing", "job.uses"},
    Row{"fragment_unreadable", "job.uses"},
    Row{"uses_cycle", "job.uses"},
    Row{"secret_not_given", "job.secrets"},
    Row{"no_model", "job.outputs"},
    Row{"no_thresholds", "job.thresholds"},
    Row{"cannot_memoize", "job.memoize"},
    Row{"output_of_kind", "job.outputs"},
    Row{"duplicate_param", "job.params"},
    Row{"several_cells", "job.matrix"},
    Row{"no_such_cell", "need.matrix"},
    Row{"input_of_no_ancestor", "job.inputs"},
    Row{"unknown_output", "job.outputs"},
    Row{"input_of_value", "job.inputs"},
    Row{"no_agent_label", "job.runs_on"},

    Row{"no_tools", "job.tools"},
    Row{"nothing_to_lint", "job.tools"},
    Row{"unknown_tool", "job.tools"},
    Row{"no_framework", "job.framework"},
    Row{"several_frameworks", "job.framework"},
    Row{"unknown_framework", "job.framework"},
    Row{"cannot_shard", "job.shards"},
    Row{"cannot_rerun", "job.rerun_failed"},

    Row{"bad_expression", "expressions"},
    Row{"context_not_here", "expressions"},
    Row{"expression_not_here", "expressions"},
    Row{"interpolation_forbidden", "expressions"},
    Row{"maybe_null", "expressions"},
    Row{"null_value", "expressions"},
    Row{"tree_unknown", "expressions"},
    Row{"unknown_name", "expressions"},
};

}  // namespace

std::string_view topic_of_message(std::string_view id) {
    for (const Row& row : k_rows)
        if (row.id == id) return row.topic;
    return "values";  // what a scalar of a type must look like
}

}  // namespace sluice::config::manual
