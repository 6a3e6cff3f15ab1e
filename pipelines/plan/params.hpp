#pragma once
/// `params`: the typed values of a run, of a fragment or of a job (reference A3). The one reader of
/// them. Pure.

#include "pipelines/config/diagnostics.hpp"
#include "pipelines/config/expression/value.hpp"
#include "pipelines/config/node.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/model/spec_parts.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::plan {

struct Param {
    std::string name;
    config::Place place;  ///< of the name
    model::ParamType type = model::ParamType::string;
    std::vector<std::string> options;        ///< of type choice
    std::optional<config::Node> fallback{};  ///< `default`, a scalar that may hold expressions
    std::optional<double> min{}, max{};
    std::string pattern;
    std::string help;
};

/// The params of a map that the schema accepted, in file order; `node` may be nullptr. Without
/// `type` it is that of the default: `3` a number, `true` a boolean, all else a string. Mistakes:
/// `bad_param` for settings that do not go together and for a default that does not fit.
std::vector<Param> read_params(const config::Node* node, config::Diagnostics& diagnostics);

/// What is wrong with a value, expressions being evaluated already.
std::optional<config::Complaint> check_param(const Param& param, std::string_view value);

/// The static type: a string is text that an outsider can choose; numbers, booleans and choices
/// may stand in scripts, because nothing but what the file allows gets through check_param().
config::expression::Type type_of(const Param& param);
/// A value that check_param() accepted.
config::expression::Value value_of(model::ParamType type, const std::string& text);

}  // namespace sluice::plan
