#include "pipelines/config/ways.hpp"

#include <algorithm>

namespace sluice::config {
namespace {

constexpr std::array k_ways = {
    Ways{scope_ready, "asks one thing", {"tcp", "http", "cmd"}, true},
    Ways{scope_runs_on, "names one place", {"kubernetes", "slurm", "spark"}, false},
    Ways{scope_threshold, "", {"max_drop", "max_rise", "min", "max"}, true, true},
    Ways{scope_threshold, "has one direction", {"max_drop", "max_rise"}, false},
    Ways{scope_sla, "has one time", {"within", "by"}, true},
    Ways{scope_space, "is searched in one way", {"values", "uniform", "loguniform", "int"}, true},
    Ways{scope_python, "has one file", {"requirements", "lock"}, false},
    Ways{scope_model, "registers, or moves an alias", {"from", "version"}, true},
    Ways{scope_spark, "has one application", {"py", "jar"}, true},
    Ways{scope_kubernetes,
         "takes its objects from one place",
         {"manifests", "kustomize", "helm"},
         true},
};

}  // namespace

std::span<const Ways> all_ways() {
    return k_ways;
}

bool is_whole(const Node& map, Scopes scope) {
    const auto has = [&](std::string_view key) { return !key.empty() && map.find(key) != nullptr; };
    for (const Key& key : all_keys())
        if ((key.scopes & scope) != 0 && key.fallback == "required" && !has(key.name)) return false;
    return std::all_of(k_ways.begin(), k_ways.end(), [&](const Ways& ways) {
        return ways.scope != scope || !ways.needs_one ||
               std::any_of(ways.keys.begin(), ways.keys.end(), has);
    });
}

}  // namespace sluice::config
