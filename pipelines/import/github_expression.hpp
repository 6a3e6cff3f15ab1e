#pragma once
/// Expressions of GitHub Actions → expressions of `.ci.yml`. Pure.
///
/// The two languages differ in types: here there is no truthiness and nothing is compared across
/// types, so what GitHub coerces is written out (`if: github.head_ref` → `(pr.source_branch ?? '')
/// != ''`).

#include "pipelines/base/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::importer::github {

/// How job ids of the source are called here is asked of it.
struct Names {
    std::function<std::string(const std::string&)> job = [](const std::string& id) { return id; };
};

struct Condition {
    std::string text;  ///< "" = true
    std::string when;  ///< `always` or `failure`, from the status functions; "" = success
};

/// The value of an `if`, with or without `${{ }}`. Refused with a reason for people.
Result<Condition> condition(std::string_view text, const Names& names);

/// The inside of a `${{ }}` that stands for a value. Refused as condition().
Result<std::string> value(std::string_view expression, const Names& names);

/// What the expression is in a shell script: `$NAME` for what is in the environment, `${{ }}` for
/// what may stand in a script. Nothing: it must be passed by `env`.
std::optional<std::string> in_script(std::string_view expression);

/// Calls `replace(inside)` for every `${{ inside }}`; the first refusal wins.
Result<std::string> interpolate(
    std::string_view text, const std::function<Result<std::string>(std::string_view)>& replace);

/// The only `${{ }}` of a text that is nothing else.
std::optional<std::string> whole_expression(std::string_view text);

}  // namespace sluice::importer::github
