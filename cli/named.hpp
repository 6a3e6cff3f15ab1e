#pragma once
/// What a person names among the objects of a server's reply. Pure.

#include "cli/json_view.hpp"
#include "pipelines/base/result.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace sluice::cli {

struct Wanted {
    std::string_view what;          ///< `agent`; the error's id is `agent_unknown`
    std::string name;               ///< as the person wrote it
    std::string where{};            ///< what should have it: `run 12`; "" = the server
    std::string more{};             ///< behind the name: ` for environment 'production'`
    std::string_view key = "name";  ///< the member that holds names
};

/// That there is none, and which one may be meant or which there are. Exit code 5.
Error unknown_name(const json::Array& items, const Wanted& wanted);

/// The first that `match` takes, by default the one of that name; else unknown_name(). The items
/// outlive the result.
Result<const json::Value*> find_named(const json::Array& items, const Wanted& wanted,
                                      const std::function<bool(const json::Value&)>& match = {});

}  // namespace sluice::cli
