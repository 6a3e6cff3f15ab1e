/// The tables as one, and what can be asked of them.
#include "pipelines/config/schema/tables.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace sluice::config {
namespace {

struct ScopeName {
    Scopes scope;
    std::string_view name;
};
constexpr std::array k_scope_names = {
    ScopeName{scope_top, "a file"},
    ScopeName{scope_fragment, "a fragment"},
    ScopeName{scope_on, "`on`"},
    ScopeName{scope_push, "`on.push`"},
    ScopeName{scope_pull_request, "`on.pull_request`"},
    ScopeName{scope_manual, "this trigger"},
    ScopeName{scope_schedule, "a schedule"},
    ScopeName{scope_gate, "`gate`"},
    ScopeName{scope_gate_queue, "`gate.queue`"},
    ScopeName{scope_param, "a param"},
    ScopeName{scope_concurrency, "`concurrency`"},
    ScopeName{scope_defaults, "`defaults`"},
    ScopeName{scope_job, "a job"},
    ScopeName{scope_step, "a step"},
    ScopeName{scope_need, "a need"},
    ScopeName{scope_image, "`image`"},
    ScopeName{scope_runs_on, "`runs_on`"},
    ScopeName{scope_resources, "`resources`"},
    ScopeName{scope_gpu, "`gpu`"},
    ScopeName{scope_distributed, "`distributed`"},
    ScopeName{scope_service, "a service"},
    ScopeName{scope_ready, "`ready`"},
    ScopeName{scope_source, "`source`"},
    ScopeName{scope_python, "`python`"},
    ScopeName{scope_secret, "a secret"},
    ScopeName{scope_id_token, "an identity token"},
    ScopeName{scope_input, "an input"},
    ScopeName{scope_output, "an output"},
    ScopeName{scope_timeout, "`timeout`"},
    ScopeName{scope_retry, "`retry`"},
    ScopeName{scope_backoff, "`backoff`"},
    ScopeName{scope_cache, "a cache"},
    ScopeName{scope_memoize, "`memoize`"},
    ScopeName{scope_artifact, "an artifact"},
    ScopeName{scope_reports, "`reports`"},
    ScopeName{scope_threshold, "a threshold"},
    ScopeName{scope_environment, "`environment`"},
    ScopeName{scope_approval, "`approval`"},
    ScopeName{scope_matrix, "`matrix`"},
    ScopeName{scope_sweep, "`sweep`"},
    ScopeName{scope_space, "a sweep parameter"},
    ScopeName{scope_objective, "`objective`"},
    ScopeName{scope_early_stop, "`early_stop`"},
    ScopeName{scope_checkpoint, "`checkpoint`"},
    ScopeName{scope_sla, "`sla`"},
    ScopeName{scope_incident, "`incident`"},
    ScopeName{scope_fail_on, "`fail_on`"},
    ScopeName{scope_push_to, "`push`"},
    ScopeName{scope_kubernetes, "`kubernetes`"},
    ScopeName{scope_ssh, "`ssh`"},
    ScopeName{scope_model, "`model`"},
    ScopeName{scope_spark, "`spark`"},
    ScopeName{scope_on_kubernetes, "`runs_on.kubernetes`"},
    ScopeName{scope_on_slurm, "`runs_on.slurm`"},
    ScopeName{scope_on_spark, "`runs_on.spark`"},
};

constexpr std::array k_kind_names = {
    KindName{"deploy", "brings something to where it runs"},
    KindName{"evaluate", "measures a model"},
    KindName{"image", "builds a container image"},
    KindName{"lint", "finds mistakes without running the program"},
    KindName{"model", "registers a model or moves an alias"},
    KindName{"package", "publishes a package"},
    KindName{"score", "applies a model to data"},
    KindName{"script", "runs `run` or `steps`"},
    KindName{"test", "runs tests"},
    KindName{"train", "trains a model"},
};

const std::vector<Key>& joined() {
    static const std::vector<Key> k_all = [] {
        std::vector<Key> out;
        for (const auto table :
             {tables::top(), tables::triggers(), tables::selection(), tables::commands(),
              tables::results(), tables::training(), tables::kinds()})
            out.insert(out.end(), table.begin(), table.end());
        return out;
    }();
    return k_all;
}

using Index = std::unordered_map<std::string_view, std::vector<const Key*>>;
const Index& by_name() {
    static const Index k_index = [] {
        Index out;
        for (const Key& key : joined()) out[key.name].push_back(&key);
        return out;
    }();
    return k_index;
}

}  // namespace

std::span<const Key> all_keys() {
    return joined();
}

const Key* find_key(Scopes scope, std::string_view name) {
    const auto found = by_name().find(name);
    if (found == by_name().end()) return nullptr;
    for (const Key* key : found->second)
        if ((key->scopes & scope) != 0) return key;
    return nullptr;
}

std::vector<std::string> key_names(Scopes scope) {
    std::vector<std::string> out;
    for (const Key& key : joined())
        if ((key.scopes & scope) != 0) out.emplace_back(key.name);
    return out;
}

std::string_view scope_name(Scopes scope) {
    for (const ScopeName& row : k_scope_names)
        if (row.scope == scope) return row.name;
    return "this map";
}

bool fits_kind(const Key& key, std::string_view kind) {
    if (key.kinds.empty()) return true;
    for (std::size_t at = 0; at < key.kinds.size();) {
        const std::size_t end = std::min(key.kinds.find(' ', at), key.kinds.size());
        if (key.kinds.substr(at, end - at) == kind) return true;
        at = end + 1;
    }
    return false;
}

std::span<const KindName> kind_names() {
    return k_kind_names;
}

}  // namespace sluice::config
