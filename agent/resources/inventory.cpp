#include "agent/resources/inventory.hpp"

#include "agent/resources/cgroup.hpp"
#include "pipelines/base/text.hpp"
#include "platform/spawn.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace sluice::agent {

namespace {

/// A driver that hangs must not keep the agent from starting.
constexpr Duration k_query_patience{20'000};

std::int64_t usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    return std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
}

std::int64_t usable_memory() {
    const std::int64_t machine =
        static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
    const auto group = Cgroup::of(::getpid());
    return std::min(machine, group ? group->memory_limit().value_or(machine) : machine);
}

std::vector<model::Gpu> find_gpus() {
    auto env = spawn::current_environment();
    auto program = spawn::find_program("nvidia-smi", env["PATH"]);
    if (!program) return {};
    auto done = spawn::run({*program,
                            "--query-gpu=uuid,name,memory.total,"
                            "ecc.errors.uncorrected.volatile.total",
                            "--format=csv,noheader,nounits"},
                           {.env = env,
                            .directory = {},
                            .input = {},
                            .timeout = k_query_patience,
                            .merge_error = false});
    if (!done || !done->exit.ok()) return {};
    return parse_gpus(done->output);
}

}  // namespace

std::vector<model::Gpu> parse_gpus(std::string_view lines) {
    std::vector<model::Gpu> gpus;
    for (const std::string& line : text::split(lines, '\n')) {
        const auto fields = text::split(line, ',');
        if (fields.size() != 4) continue;
        model::Gpu gpu;
        gpu.uuid = text::trim(fields[0]);
        gpu.model = text::trim(fields[1]);
        const std::string_view size = text::trim(fields[2]), errors = text::trim(fields[3]);
        std::int64_t mebibytes = 0;
        auto [end, failed] = std::from_chars(size.data(), size.data() + size.size(), mebibytes);
        if (failed != std::errc() || !gpu.uuid.starts_with("GPU-")) continue;
        // `[N/A]` of a GPU that has no error correction.
        if (!errors.empty() && errors[0] >= '1' && errors[0] <= '9') continue;
        gpu.memory = mebibytes << 20;
        gpus.push_back(std::move(gpu));
    }
    return gpus;
}

model::Capacity take_inventory(const files::Path& agent_dir) {
    model::Capacity found;
    found.cpu_millis = usable_cpus() * 1000;
    found.memory = usable_memory();
    found.disk = static_cast<std::int64_t>(files::free_bytes(agent_dir));
    found.gpus = find_gpus();
    return found;
}

}  // namespace sluice::agent
