#include "pipelines/config/manual/json_schema.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/checker.hpp"
#include "pipelines/config/manual/places.hpp"
#include "pipelines/config/manual/scalar_schema.hpp"

#include <fmt/format.h>

#include <map>

namespace sluice::config::manual {
namespace {

json::Object ref(const std::string& definition) {
    return {{"$ref", "#/$defs/" + definition}};
}

/// One alternative as it is, several as `anyOf`.
json::Object any_of(json::Array forms) {
    if (forms.size() == 1) return std::move(forms[0].as_object());
    return {{"anyOf", std::move(forms)}};
}

std::string name_pattern(Names names) {
    switch (names) {
        // Names that belong to Sluice or to the loader are refused; the checker says which.
        case Names::variable: return "^(?![Cc][Ii](_|$))[A-Za-z_][A-Za-z0-9_]*$";
        case Names::word: return "^[a-z][a-z0-9_]{0,62}$";
        case Names::axis: return "^[A-Za-z0-9_-]{1,64}$";
        case Names::exit_code: return "^[1-9][0-9]{0,2}$";
        case Names::any: break;
    }
    return {};
}

json::Object names_of(const std::string& pattern, json::Value values) {
    json::Object out{{"type", "object"}};
    if (!pattern.empty()) out["propertyNames"] = json::Object{{"pattern", pattern}};
    out["additionalProperties"] = std::move(values);
    return out;
}

json::Array scalar_or_null(bool with_null) {
    json::Array types{"string", "number", "boolean"};
    if (with_null) types.push_back("null");
    return types;
}

/// Whether a list is inherited as one: then its maps are complete where they stand.
bool is_complete(Scopes scope) {
    constexpr Scopes k_complete = scope_top | scope_need | scope_schedule | scope_artifact |
                                  scope_cache | scope_threshold | scope_param;
    return (scope & k_complete) != 0;
}

class Builder {
public:
    json::Value build() {
        for (const Map& map : all_maps()) definitions_[map.id] = keys_of(map);
        definitions_["jobs"] = jobs();
        json::Object out{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                         {"$id", k_schema_id},
                         {"title", "Sluice pipeline, .ci.yml"},
                         {"description",
                          "A pipeline of Sluice: .ci.yml and .ci/*.yml. Made by `sluice schema`."}};
        for (auto& member : definitions_["file"].as_object()) out[member.key()] = member.value();
        definitions_.erase("file");
        out["$defs"] = std::move(definitions_);
        return out;
    }

private:
    /// The map as an object in which only its keys stand.
    json::Object keys_of(const Map& map) {
        json::Object properties;
        json::Array required;
        for (const Key& key : all_keys()) {
            if ((key.scopes & map.scope) == 0) continue;
            properties[key.name] = value_of(key, map.scope);
            if (key.fallback == "required" && is_complete(map.scope))
                required.push_back(json::Value(key.name));
        }
        json::Object out{{"type", "object"}, {"properties", std::move(properties)}};
        if (map.scope == scope_matrix) {
            json::Object values{{"type", "array"},
                                {"items", json::Object{{"type", scalar_or_null(false)}}}};
            json::Object late{{"type", "string"}, {"pattern", k_expression}};
            out["propertyNames"] = json::Object{{"pattern", name_pattern(Names::axis)}};
            out["additionalProperties"] = any_of({std::move(values), std::move(late)});
        } else {
            out["additionalProperties"] = false;
        }
        if (!required.empty()) out["required"] = std::move(required);
        if (map.scope == scope_step)
            out["oneOf"] = json::Array{json::Object{{"required", json::Array{"run"}}},
                                       json::Object{{"required", json::Array{"uses"}}}};
        return out;
    }

    json::Object value_of(const Key& key, Scopes scope) {
        json::Array forms;
        if (key.scalar != Scalar::none) forms.push_back(scalar(key, key.scalar));
        if (key.item != Scalar::none || key.item_map != scope_none) {
            json::Array items;
            if (key.item != Scalar::none) items.push_back(scalar(key, key.item));
            if (key.item_map == scope_matrix_row) {
                items.push_back(names_of(name_pattern(Names::axis),
                                         json::Object{{"type", scalar_or_null(false)}}));
            } else if (key.item_map != scope_none) {
                items.push_back(ref(find_map(key.item_map)->id));
            }
            forms.push_back(json::Object{{"type", "array"}, {"items", any_of(std::move(items))}});
        }
        if (key.map != scope_none) forms.push_back(map_of(key, scope));
        // Null removes what is inherited; a trigger without keys may be written without `{}`.
        const bool is_trigger = scope == scope_on && key.map != scope_none;
        if (is_trigger || (scope != scope_on && !null_is_forgotten(scope)))
            forms.push_back(json::Object{{"type", "null"}});
        json::Object out = any_of(std::move(forms));
        describe(key, out);
        return out;
    }

    json::Value scalar(const Key& key, Scalar type) {
        if (key.name == "kind" && (key.scopes & scope_job) != 0) {
            json::Array kinds;
            for (const KindName& kind : kind_names()) kinds.push_back(json::Value(kind.name));
            return json::Object{{"enum", std::move(kinds)}};
        }
        return scalar_schema(type, key.choices, key.eval != Eval::literal);
    }

    json::Object map_of(const Key& key, Scopes scope) {
        if (key.map == scope_env) {
            const bool inherits = scope == scope_job || scope == scope_defaults;
            return names_of(name_pattern(Names::variable),
                            json::Object{{"type", scalar_or_null(inherits)}});
        }
        if (key.map == scope_jobs) return ref("jobs");
        if (key.map != scope_names) return ref(find_map(key.map)->id);
        json::Array values;
        if (key.entry != Scalar::none) values.push_back(scalar(key, key.entry));
        if (key.entry_map != scope_none) values.push_back(ref(find_map(key.entry_map)->id));
        values.push_back(json::Object{{"type", "null"}});
        return names_of(name_pattern(key.names), any_of(std::move(values)));
    }

    /// What an editor shows beside the key.
    static void describe(const Key& key, json::Object& out) {
        std::string help(key.help);
        if (!key.kinds.empty()) help += fmt::format(" (kind {})", key.kinds);
        if (!key.fallback.empty()) help += fmt::format("; default: {}", key.fallback);
        if (!key.pending.empty())
            help += key.dispensable ? "; has no effect in this version"
                                    : "; this version does not carry it out";
        out["description"] = help;
        out["markdownDescription"] = fmt::format("{}\n\n```yaml\n{}\n```", help, key.example);
        if (auto value = default_of(key)) out["default"] = std::move(*value);
        if (auto value = example_value(key)) out["examples"] = json::Array{std::move(*value)};
    }

    /// Ids → jobs, with what a job must have beside right keys. Templates and jobs that extend one
    /// get the rest from elsewhere.
    json::Object jobs() {
        json::Array rules{ref("job"), both_commands(), something_to_run()};
        std::map<std::string_view, json::Object> by_kinds;
        for (const Key& key : all_keys())
            if ((key.scopes & scope_job) != 0 && !key.kinds.empty())
                by_kinds[key.kinds][key.name] = false;
        for (auto& [kinds, keys] : by_kinds) {
            json::Array names;
            for (const std::string& name : text::split(kinds, ' '))
                names.push_back(json::Value(name));
            json::Object of_kind{{"kind", json::Object{{"enum", std::move(names)}}}};
            json::Object is_one{{"required", json::Array{"kind"}},
                                {"properties", std::move(of_kind)}};
            rules.push_back(json::Object{
                {"if", json::Object{{"anyOf", json::Array{std::move(is_one), extends()}}}},
                {"then", true},
                {"else", json::Object{{"properties", std::move(keys)}}}});
        }
        json::Object patterns{
            {"^[a-z][a-z0-9_-]{0,62}$", json::Object{{"allOf", std::move(rules)}}},
            {"^\\.[a-z][a-z0-9_-]{0,62}$", ref("job")}};
        return {{"type", "object"},
                {"patternProperties", std::move(patterns)},
                {"additionalProperties", false}};
    }

    static json::Object extends() { return {{"required", json::Array{"extends"}}}; }

    static json::Object both_commands() {
        return {{"not", json::Object{{"required", json::Array{"run", "steps"}}}},
                {"errorMessage", "either `run` or `steps`, not both"}};
    }

    static json::Object something_to_run() {
        json::Object is_script{
            {"properties", json::Object{{"kind", json::Object{{"const", "script"}}}}},
            {"not", json::Object{
                        {"anyOf", json::Array{extends(),
                                              json::Object{{"required", json::Array{"spark"}}}}}}}};
        json::Array commands;
        for (const char* name : {"run", "steps", "uses"})
            commands.push_back(json::Object{{"required", json::Array{name}}});
        return {{"if", std::move(is_script)},
                {"then", json::Object{{"anyOf", std::move(commands)},
                                      {"errorMessage", "a job needs `run`, `steps` or `uses`"}}}};
    }

    json::Object definitions_;
};

}  // namespace

json::Value json_schema() {
    return Builder().build();
}

}  // namespace sluice::config::manual
