#include "pipelines/model/capacity.hpp"

#include "pipelines/model/wire.hpp"

#include <algorithm>

namespace sluice::model {

namespace {

constexpr std::int64_t k_cpu_max = 1'000'000'000;
constexpr std::size_t k_gpus_max = 1024;

bool will_do(const Gpu& gpu, const Resources& wanted) {
    return gpu.memory >= wanted.gpu_memory &&
           (wanted.gpu_model.empty() || gpu.model.find(wanted.gpu_model) != std::string::npos);
}

Result<Gpu> gpu_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Gpu out;
    out.uuid = in.string("uuid", 128);
    out.model = in.string_or("model", "", 256);
    out.memory = in.integer_or("memory", 0, 0, wire::k_max_integer);
    SLUICE_CHECK(in.finish_strict());
    return out;
}

std::string size_text(std::int64_t bytes) {
    constexpr std::int64_t k_gib = 1LL << 30, k_mib = 1LL << 20;
    if (bytes % k_gib == 0) return fmt::format("{} GiB", bytes / k_gib);
    if (bytes % k_mib == 0) return fmt::format("{} MiB", bytes / k_mib);
    return fmt::format("{} bytes", bytes);
}

}  // namespace

json::Value to_json(const Capacity& capacity) {
    json::Array gpus;
    for (const Gpu& gpu : capacity.gpus)
        gpus.push_back(json::Object{{"uuid", wire::text(gpu.uuid)},
                                    {"model", wire::text(gpu.model)},
                                    {"memory", gpu.memory}});
    return json::Object{{"cpu_millis", capacity.cpu_millis},
                        {"memory", capacity.memory},
                        {"disk", capacity.disk},
                        {"gpus", std::move(gpus)}};
}

Result<Capacity> capacity_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    Capacity out;
    out.cpu_millis = in.integer_or("cpu_millis", 0, 0, k_cpu_max);
    out.memory = in.integer_or("memory", 0, 0, wire::k_max_integer);
    out.disk = in.integer_or("disk", 0, 0, wire::k_max_integer);
    SLUICE_TRY(out.gpus, wire::list<Gpu>(in, "gpus", k_gpus_max, gpu_from_json));
    SLUICE_CHECK(in.finish_strict());
    return out;
}

std::optional<Reservation> reserve(const Resources& wanted, Capacity& left) {
    if (wanted.cpu_millis > left.cpu_millis || wanted.memory > left.memory ||
        wanted.disk > left.disk)
        return std::nullopt;
    std::vector<const Gpu*> fitting;
    for (const Gpu& gpu : left.gpus)
        if (will_do(gpu, wanted)) fitting.push_back(&gpu);
    const auto count = static_cast<std::size_t>(std::max(0, wanted.gpus));
    if (fitting.size() < count) return std::nullopt;
    std::stable_sort(fitting.begin(), fitting.end(),
                     [](const Gpu* a, const Gpu* b) { return a->memory < b->memory; });
    Reservation given{wanted.cpu_millis, wanted.memory, wanted.disk, {}};
    for (std::size_t i = 0; i < count; ++i) given.gpus.push_back(fitting[i]->uuid);
    subtract(left, given);
    return given;
}

void subtract(Capacity& left, const Reservation& given) {
    left.cpu_millis = std::max<std::int64_t>(0, left.cpu_millis - given.cpu_millis);
    left.memory = std::max<std::int64_t>(0, left.memory - given.memory);
    left.disk = std::max<std::int64_t>(0, left.disk - given.disk);
    std::erase_if(left.gpus, [&](const Gpu& gpu) {
        return std::find(given.gpus.begin(), given.gpus.end(), gpu.uuid) != given.gpus.end();
    });
}

std::string to_words(const Resources& wanted) {
    std::vector<std::string> parts;
    if (wanted.cpu_millis > 0)
        parts.push_back(fmt::format("{:g} cores", static_cast<double>(wanted.cpu_millis) / 1000));
    if (wanted.memory > 0) parts.push_back(size_text(wanted.memory) + " of memory");
    if (wanted.disk > 0) parts.push_back(size_text(wanted.disk) + " of disk");
    if (wanted.gpus > 0)
        parts.push_back(fmt::format("{} {}GPU{}", wanted.gpus,
                                    wanted.gpu_model.empty() ? "" : wanted.gpu_model + " ",
                                    wanted.gpus == 1 ? "" : "s"));
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
    return out;
}

}  // namespace sluice::model
