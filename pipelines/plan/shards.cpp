#include "pipelines/plan/shards.hpp"

#include <fmt/format.h>

namespace sluice::plan {

std::vector<PlannedJob> split_into_shards(PlannedJob job) {
    const int shards = job.selected ? job.spec.test.shards : 1;
    std::vector<PlannedJob> out;
    if (shards <= 1) {
        out.push_back(std::move(job));
        return out;
    }
    const std::string id = job.spec.id;
    const bool is_cell = id.ends_with(')');  // no job id does; a caller's cell stands before
    for (int shard = 1; shard <= shards; ++shard) {
        const std::string part = fmt::format("{}/{}", shard, shards);
        PlannedJob planned = job;
        planned.spec.test.shard = shard;
        planned.spec.id = is_cell ? fmt::format("{}, {})", id.substr(0, id.size() - 1), part)
                                  : fmt::format("{} ({})", id, part);
        planned.spec.name =
            job.spec.name == id ? planned.spec.id : fmt::format("{} ({})", job.spec.name, part);
        out.push_back(std::move(planned));
    }
    return out;
}

std::string shard_group(const model::JobSpec& spec) {
    if (spec.test.shards <= 1) return "";
    const std::string part = fmt::format("{}/{})", spec.test.shard, spec.test.shards);
    if (!spec.id.ends_with(part)) return "";
    const std::string head = spec.id.substr(0, spec.id.size() - part.size());
    if (head.ends_with(", ")) return head.substr(0, head.size() - 2) + ")";
    return head.ends_with(" (") ? head.substr(0, head.size() - 2) : "";
}

}  // namespace sluice::plan
