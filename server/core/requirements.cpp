#include "server/core/requirements.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace sluice::core {

namespace {

/// No label begins so.
constexpr char k_mark = '!';

std::int64_t number(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// A model's name may hold what separates words of a key.
std::string hex_of(std::string_view text) {
    return text::to_hex({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
}

}  // namespace

std::vector<std::string> required_labels(const plan::PlannedJob& job) {
    std::vector<std::string> labels = job.spec.runs_on;
    const bool is_late = std::any_of(job.late.begin(), job.late.end(),
                                     [](const auto& late) { return late.at == "/image"; });
    if (is_late || !job.spec.image.empty() || job.spec.settings.contains("services"))
        labels.push_back("executor=container");
    return labels;
}

std::string queue_key(std::vector<std::string> labels, const model::Resources& resources) {
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    const auto add = [&](std::string_view name, std::int64_t value) {
        if (value > 0) labels.push_back(fmt::format("{}{}={}", k_mark, name, value));
    };
    add("cpu", resources.cpu_millis);
    add("memory", resources.memory);
    add("disk", resources.disk);
    add("gpus", resources.gpus);
    add("gpu_memory", resources.gpu_memory);
    if (!resources.gpu_model.empty())
        labels.push_back(fmt::format("{}gpu_model={}", k_mark, hex_of(resources.gpu_model)));
    return fmt::format("{}", fmt::join(labels, ","));
}

Requirement parse_queue_key(std::string_view key) {
    Requirement out;
    if (key.empty()) return out;
    for (std::string& word : text::split(key, ',')) {
        const std::size_t equals = word.find('=');
        if (word.empty() || word[0] != k_mark || equals == std::string::npos) {
            out.labels.push_back(std::move(word));
            continue;
        }
        const std::string name = word.substr(1, equals - 1);
        const std::string_view value = std::string_view(word).substr(equals + 1);
        if (name == "cpu") out.resources.cpu_millis = number(value);
        if (name == "memory") out.resources.memory = number(value);
        if (name == "disk") out.resources.disk = number(value);
        if (name == "gpus") out.resources.gpus = static_cast<int>(number(value));
        if (name == "gpu_memory") out.resources.gpu_memory = number(value);
        if (name == "gpu_model") out.resources.gpu_model = text::from_hex(value).value_or("");
    }
    return out;
}

bool labels_match(const Requirement& requirement, const std::set<std::string>& labels) {
    return std::all_of(requirement.labels.begin(), requirement.labels.end(),
                       [&](const std::string& label) { return labels.contains(label); });
}

}  // namespace sluice::core
