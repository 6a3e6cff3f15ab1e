/// Kind `script`: the commands that the author wrote, nothing else.
#include "pipelines/kinds/kind.hpp"
#include "pipelines/config/schema.hpp"

#include <fmt/format.h>

namespace sluice::kinds::script {
namespace {

void check(const config::Node& job, const std::string& id, const config::Place& place,
           config::Diagnostics& diagnostics) {
    const bool has_run = job.find("run") != nullptr, has_steps = job.find("steps") != nullptr;
    const bool has_other = job.find("uses") != nullptr || job.find("spark") != nullptr;
    // A key that nobody knows may be what was meant to run, and is told already.
    for (const config::Member& member : job.members)
        if (config::find_key(config::scope_job, member.name) == nullptr) return;
    if (!has_run && !has_steps && !has_other)
        diagnostics.error(place, "nothing_to_run", fmt::format("job `{}` has nothing to run", id),
                          "give it `run: …` or `steps: […]`");
}

}  // namespace

extern const Kind k_kind;
const Kind k_kind{"script", "runs `run` or `steps`", check, nullptr};

}  // namespace sluice::kinds::script
