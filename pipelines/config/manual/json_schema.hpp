#pragma once
/// The schema's rows as a JSON Schema (2020-12) for editors. It accepts whatever the checker
/// accepts, and refuses unknown keys and values of a wrong shape; what only expressions, needs and
/// templates decide is the checker's alone. Pure, any thread.

#include "pipelines/base/json.hpp"

namespace sluice::config::manual {

inline constexpr std::string_view k_schema_id = "https://sluice.example/schema/ci-yml-1.json";

json::Value json_schema();

}  // namespace sluice::config::manual
