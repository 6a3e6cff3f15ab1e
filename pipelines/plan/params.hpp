#pragma once
/// `params`: the typed values of a run, of a fragment or of a job (reference A3). The one reader of
/// them. Pure.

#include "pipelines/config/diagnostics.hpp"
#include "pipelines/config/expression/value.hpp"
#include "pipelines/config/node.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/model/spec_parts.hpp"
#include "pipelines/plan/plan.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::plan {

/// The params of a map that the schema accepted, in file order; `node` may be nullptr. Without
/// `type` it is that of the default: `3` a number, `true` a boolean, all else a string. Mistakes:
/// `bad_param` for settings that do not go together and for a default that does not fit.
std::vector<Param> read_params(const config::Node* node, config::Diagnostics& diagnostics);

/// As to_json() wrote it, without a default and help.
Result<Param> param_from_json(const json::Value& value, std::string pointer = "");

/// What is wrong with a value, expressions being evaluated already.
std::optional<config::Complaint> check_param(const Param& param, std::string_view value);

/// The static type: a string is text that an outsider can choose; numbers, booleans and choices
/// may stand in scripts, because nothing but what the file allows gets through check_param().
config::expression::Type type_of(const Param& param);
/// A value that check_param() accepted.
config::expression::Value value_of(model::ParamType type, const std::string& text);

/// The object that `params` is in expressions: types, and values.
config::expression::Type params_type(const std::vector<Param>& params);
config::expression::Value params_value(const std::map<std::string, model::ParamValue>& values);

/// Values for all params of a run: those given, else the defaults. Every complaint is one sentence;
/// values are of use only when there is none.
struct RunParams {
    std::map<std::string, model::ParamValue> values;
    std::vector<std::string> complaints;
};
RunParams run_params(const std::vector<Param>& params,
                     const std::map<std::string, std::string>& given);

/// Values for params without a default, for plans that nobody will carry out.
std::map<std::string, std::string> stand_ins(const std::vector<Param>& params);

}  // namespace sluice::plan
