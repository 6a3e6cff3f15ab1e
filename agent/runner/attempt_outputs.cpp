/// The part of an attempt that takes what its steps say by files: $CI_ENV and $CI_OUTPUT.
#include "agent/runner/attempt.hpp"
#include "pipelines/plan/outputs.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::agent {

void Attempt::take_step_files(std::size_t index, const StepFiles& files) {
    auto read = [&](const files::Path& path, const char* name) {
        std::vector<std::pair<std::string, std::string>> values;
        Result<std::string> text = read_step_file(path);
        if (!text) {
            note(std::string(name) + ": " + text.error().message);
            return values;
        }
        std::vector<std::string> problems;
        values = parse_assignments(*text, problems);
        for (const std::string& problem : problems) note(std::string(name) + ": " + problem);
        return values;
    };
    for (auto& [name, value] : read(files.env, "CI_ENV")) {
        if (name == "CI" || name.starts_with("CI_")) {
            note("CI_ENV: " + name + " is reserved and was not set");
            continue;
        }
        from_steps_[name] = std::move(value);
    }
    bad_output_.clear();
    for (const auto& [name, value] : read(files.output, "CI_OUTPUT"))
        take_value(index, name, value);
    std::size_t bytes = 0;
    for (const auto& [name, value] : report_.outputs) bytes += value.size();
    if (bytes <= plan::k_max_outputs_bytes) return;
    refuse_output(fmt::format("the outputs of the job have {} bytes together, at most {}", bytes,
                              plan::k_max_outputs_bytes));
    report_.outputs.clear();
}

void Attempt::take_value(std::size_t index, const std::string& name, const std::string& value) {
    const std::string& id = job_.spec.steps[index].id;
    const bool is_for_steps = is_read_later(index, name);
    if (is_for_steps && value.size() <= plan::k_max_output_bytes) facts_[id].outputs[name] = value;
    const auto declared = job_.spec.outputs.find(name);
    if (declared == job_.spec.outputs.end()) {
        if (!is_for_steps)
            note(
                fmt::format("CI_OUTPUT: `{}` is not declared in `outputs` of the job and was "
                            "dropped",
                            name));
        return;
    }
    if (!model::is_value(declared->second.type))
        return refuse_output(fmt::format(
            "output `{}` is a {}: leave it at {}", name, to_text(declared->second.type),
            declared->second.path.empty() ? "$CI_OUTPUT_DIR/" + name : declared->second.path));
    auto known = plan::canonical_output(declared->second.type, value);
    if (!known) return refuse_output(fmt::format("output `{}` {}", name, known.error().message));
    report_.outputs[name] = std::move(*known);
}

bool Attempt::is_read_later(std::size_t index, const std::string& name) const {
    const auto& steps = job_.spec.steps;
    const std::pair<std::string, std::string> wanted{steps[index].id, name};
    if (wanted.first.empty()) return false;
    return std::any_of(
        steps.begin() + static_cast<std::ptrdiff_t>(index) + 1, steps.end(), [&](const auto& step) {
            if (plan::step_outputs_read(step.condition, false).contains(wanted)) return true;
            return std::any_of(step.late_env.begin(), step.late_env.end(), [&](const auto& late) {
                return plan::step_outputs_read(late.second, true).contains(wanted);
            });
        });
}

void Attempt::refuse_output(std::string complaint) {
    note("CI_OUTPUT: " + complaint);
    if (bad_output_.empty()) bad_output_ = std::move(complaint);
}

}  // namespace sluice::agent
