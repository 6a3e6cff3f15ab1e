#include "pipelines/plan/output_types.hpp"

namespace sluice::plan {

using model::OutputType;

std::map<std::string, OutputType> kind_outputs(std::string_view kind) {
    if (kind == "image")
        return {{"ref", OutputType::digest},
                {"digest", OutputType::digest},
                {"size", OutputType::number}};
    if (kind == "deploy") return {{"url", OutputType::string}, {"revision", OutputType::string}};
    if (kind == "model") return {{"version", OutputType::number}};
    return {};
}

std::map<std::string, OutputType> outputs_of(const config::Node& job) {
    const config::Node* kind = job.find("kind");
    auto out = kind_outputs(kind == nullptr ? std::string_view("script") : kind->text);
    const config::Node* outputs = job.find("outputs");
    if (outputs == nullptr) return out;
    for (const config::Member& output : outputs->members) {
        const config::Node* type = output.value.find("type");
        if (type == nullptr) type = &output.value;
        out[output.name] = parse_enum<OutputType>(type->text).value_or(OutputType::string);
    }
    return out;
}

}  // namespace sluice::plan
