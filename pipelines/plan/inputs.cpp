#include "pipelines/plan/inputs.hpp"

#include "pipelines/plan/output_types.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::plan {

namespace {

constexpr std::string_view k_best = ".best";

/// `3.11, linux` of `3.11)/build (linux`: the ids of jobs that a cell calls are no values.
std::string values_in(std::string_view cells) {
    constexpr std::string_view k_of_ids = "abcdefghijklmnopqrstuvwxyz0123456789_-/";
    std::string out;
    for (std::size_t at = cells.find(")/"); at != std::string_view::npos; at = cells.find(")/")) {
        const std::size_t end = std::min(cells.find_first_not_of(k_of_ids, at + 1), cells.size());
        const bool is_cell = cells.substr(end).starts_with(" (");
        if (!is_cell && end != cells.size()) break;
        out += std::string(cells.substr(0, at)) + (is_cell ? ", " : "");
        cells.remove_prefix(is_cell ? end + 2 : end);
    }
    return out + std::string(cells);
}

}  // namespace

std::optional<InputSource> input_source(std::string_view from) {
    if (from.find("://") != std::string_view::npos || from.find("${{") != std::string_view::npos)
        return std::nullopt;
    const auto dot = from.rfind('.');
    if (dot == std::string_view::npos) return std::nullopt;
    InputSource out{std::string(from.substr(0, dot)), std::string(from.substr(dot + 1))};
    if (out.job.ends_with("[*]")) {
        out.all_cells = true;
        out.job.resize(out.job.size() - 3);
    }
    if (out.job.ends_with(k_best)) {
        out.of_best = true;
        out.job.resize(out.job.size() - k_best.size());
    }
    return out;
}

std::string reference_text(const InputSource& source) {
    return fmt::format("{}{}{}.{}", source.job, source.of_best ? k_best : "",
                       source.all_cells ? "[*]" : "", source.output);
}

std::string cell_folder(std::string_view key) {
    const auto open = key.find('(');
    std::string out;
    for (const char c : values_in(open == std::string_view::npos ? key : key.substr(open + 1))) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (plain)
            out += c;
        else if (!out.empty() && out.back() != '-')
            out += '-';
    }
    while (out.ends_with('-')) out.pop_back();
    if (out.empty() || out == "." || out == "..") return "cell";
    return out.substr(0, 200);
}

void check_inputs(const Graph& graph, const Calls& calls, const config::MergedJob& job,
                  std::size_t index, const Needables& jobs, config::Diagnostics& diagnostics) {
    const config::Node* inputs = job.node.find("inputs");
    if (inputs == nullptr) return;
    for (const config::Member& input : inputs->members) {
        const config::Node* from =
            input.value.is_scalar() ? &input.value : input.value.find("from");
        if (from == nullptr) continue;
        const auto source = input_source(from->text);
        if (!source) continue;
        const auto found = jobs.find(calls.full_id(job.call, source->job));
        if (!graph.is_ancestor(index, source->job)) {
            diagnostics.error(
                from->place, "input_of_no_ancestor",
                found == jobs.end()
                    ? fmt::format("input `{}` comes from `{}`, and there is no such job",
                                  input.name, source->job)
                    : fmt::format("input `{}` comes from `{}`, which `{}` does not wait for",
                                  input.name, source->job, job.id),
                fmt::format("add `{}` to `needs` of `{}`", source->job, job.id));
            continue;
        }
        if (found == jobs.end()) continue;  // of the run that grows
        if (source->of_best && found->second.job->node.find("sweep") == nullptr) {
            diagnostics.error(
                from->place, "unknown_output",
                fmt::format("`{}` has no `sweep`, so there is no best of its trials", source->job),
                fmt::format("take `{}.{}`", source->job, source->output));
            continue;
        }
        const auto outputs = outputs_of(found->second.job->node);
        const auto output = outputs.find(source->output);
        if (output == outputs.end()) {
            diagnostics.error(
                from->place, "unknown_output",
                fmt::format("`{}` declares no output `{}`", source->job, source->output),
                fmt::format("add it there: `outputs: {{ {}: {{ type: dir, path: … }} "
                            "}}`",
                            source->output));
            continue;
        }
        if (model::is_value(output->second))
            diagnostics.error(
                from->place, "input_of_value",
                fmt::format("output `{}` of `{}` is a {}, and inputs are files", source->output,
                            source->job, sluice::to_text(output->second)),
                fmt::format("read it by `env: {{ X: \"${{{{ needs.{}.outputs.{} }}}}\" }}`",
                            source->job, source->output));
    }
}

}  // namespace sluice::plan
