#include "pipelines/plan/params.hpp"

#include "pipelines/base/quantity.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/config/expression/syntax.hpp"
#include "pipelines/config/parser.hpp"
#include "pipelines/model/wire.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::plan {
namespace {

using config::Complaint;
using config::Diagnostics;
using config::Member;
using config::Node;
using model::ParamType;
namespace expr = config::expression;

constexpr std::size_t k_max_value_bytes = 32 * 1024;

ParamType type_of_default(const Node* fallback) {
    if (fallback == nullptr || !fallback->plain) return ParamType::string;
    if (fallback->text == "true" || fallback->text == "false") return ParamType::boolean;
    return parse_decimal(fallback->text) ? ParamType::number : ParamType::string;
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
    return out;
}

std::optional<double> number_of(const Node* node) {
    return node == nullptr ? std::nullopt : parse_decimal(node->text);
}

/// Settings that only some type has.
void check_settings(const Node& settings, const Param& param, Diagnostics& diagnostics) {
    struct Row {
        std::string_view key;
        ParamType type;
    };
    constexpr Row k_rows[] = {{"options", ParamType::choice},
                              {"min", ParamType::number},
                              {"max", ParamType::number},
                              {"pattern", ParamType::string}};
    for (const Row& row : k_rows) {
        const Member* setting = settings.member(row.key);
        if (setting == nullptr || param.type == row.type) continue;
        diagnostics.error(setting->place, "bad_param",
                          fmt::format("`{}` belongs to params of type {}, and `{}` is of type {}",
                                      row.key, to_text(row.type), param.name, to_text(param.type)),
                          fmt::format("add `type: {}`, or remove it", to_text(row.type)));
    }
    if (param.type == ParamType::choice && param.options.empty())
        diagnostics.error(param.place, "bad_param",
                          fmt::format("param `{}` of type choice has no `options`", param.name),
                          "e.g. `options: [staging, production]`");
    if (param.min && param.max && *param.min > *param.max)
        diagnostics.error(settings.member("min")->place, "bad_param",
                          fmt::format("`min` of param `{}` is over its `max`", param.name),
                          "swap them");
}

Param read_param(const Member& member, Diagnostics& diagnostics) {
    Param param;
    param.name = member.name;
    param.place = member.place;
    const Node& node = member.value;
    const Node* fallback = node.is_scalar() ? &node : node.find("default");
    if (fallback != nullptr && fallback->is_scalar()) param.fallback = *fallback;
    const Node* type = node.find("type");
    param.type = type == nullptr ? type_of_default(fallback)
                                 : parse_enum<ParamType>(type->text).value_or(ParamType::string);
    param.options = config::strings_of(node.find("options"));
    param.min = number_of(node.find("min"));
    param.max = number_of(node.find("max"));
    if (const Node* pattern = node.find("pattern")) param.pattern = pattern->text;
    if (const Node* help = node.find("help")) param.help = help->text;
    check_settings(node, param, diagnostics);
    if (param.fallback && !expr::has_expression(param.fallback->text))
        if (const auto complaint = check_param(param, param.fallback->text))
            diagnostics.error(param.fallback->place, complaint->id,
                              fmt::format("the default of {}", complaint->message),
                              complaint->hint);
    return param;
}

}  // namespace

std::vector<Param> read_params(const Node* node, Diagnostics& diagnostics) {
    std::vector<Param> out;
    if (node == nullptr || !node->is_map()) return out;
    for (const Member& member : node->members)
        if (member.value.is_scalar() || member.value.is_map())
            out.push_back(read_param(member, diagnostics));
    return out;
}

std::optional<Complaint> check_param(const Param& param, std::string_view value) {
    const auto wrong = [&](std::string what, std::string hint) {
        return Complaint{"bad_param",
                         fmt::format("param `{}` {}, got `{}`", param.name, std::move(what),
                                     config::shown(value)),
                         std::move(hint)};
    };
    if (value.size() > k_max_value_bytes)
        return wrong("takes at most 32 KiB", "put it into a file of the repository");
    if (value.find('\0') != std::string_view::npos) return wrong("holds no NUL", "");
    switch (param.type) {
        case ParamType::string:
            if (!param.pattern.empty() && !text::glob_match(param.pattern, value))
                return wrong(fmt::format("must match `{}`", param.pattern), "");
            return {};
        case ParamType::boolean:
            if (value == "true" || value == "false") return {};
            return wrong("is true or false", "");
        case ParamType::choice: {
            if (param.options.empty()) return {};  // has been said
            if (std::find(param.options.begin(), param.options.end(), value) != param.options.end())
                return {};
            const auto near = text::nearest(value, param.options);
            return wrong(fmt::format("is one of {}", joined(param.options)),
                         near ? fmt::format("did you mean `{}`?", *near) : "");
        }
        case ParamType::number: {
            const auto number = parse_decimal(value);
            if (!number) return wrong("is a number", "");
            if (param.min && *number < *param.min)
                return wrong(fmt::format("is at least {}", expr::format_number(*param.min)), "");
            if (param.max && *number > *param.max)
                return wrong(fmt::format("is at most {}", expr::format_number(*param.max)), "");
            return {};
        }
    }
    return {};
}

expr::Type type_of(const Param& param) {
    switch (param.type) {
        case ParamType::string: return expr::Type::text();
        case ParamType::number: return expr::Type::number();
        case ParamType::boolean: return expr::Type::boolean();
        case ParamType::choice: {
            expr::Type type = expr::Type::choice(param.options);
            type.taint = expr::Taint::safe;
            return type;
        }
    }
    return expr::Type::text();
}

expr::Value value_of(ParamType type, const std::string& text) {
    switch (type) {
        case ParamType::number: return expr::Value::of(parse_decimal(text).value_or(0));
        case ParamType::boolean: return expr::Value::of(text == "true");
        case ParamType::string:
        case ParamType::choice: break;
    }
    return expr::Value::of(text);
}

expr::Type params_type(const std::vector<Param>& params) {
    std::vector<expr::TypeField> fields;
    for (const Param& param : params) fields.push_back({param.name, type_of(param)});
    return expr::Type::object(std::move(fields));
}

expr::Value params_value(const std::map<std::string, model::ParamValue>& values) {
    std::vector<expr::Field> fields;
    for (const auto& [name, param] : values)
        fields.push_back({name, value_of(param.type, param.value)});
    return expr::Value::object(std::move(fields));
}

RunParams run_params(const std::vector<Param>& params,
                     const std::map<std::string, std::string>& given) {
    RunParams out;
    std::vector<std::string> names;
    for (const Param& param : params) {
        names.push_back(param.name);
        const auto value = given.find(param.name);
        if (value == given.end() && !param.fallback) {
            out.complaints.push_back(fmt::format("param `{}` wants a value", param.name));
            continue;
        }
        const std::string& text = value == given.end() ? param.fallback->text : value->second;
        if (value != given.end())
            if (const auto wrong = check_param(param, text))
                out.complaints.push_back(wrong->message +
                                         (wrong->hint.empty() ? "" : ", " + wrong->hint));
        out.values[param.name] = {param.type, text};
    }
    for (const auto& [name, value] : given) {
        if (std::find(names.begin(), names.end(), name) != names.end()) continue;
        const auto near = text::nearest(name, names);
        out.complaints.push_back(fmt::format("there is no param `{}`, {}", config::shown(name),
                                             near ? fmt::format("did you mean `{}`?", *near)
                                             : names.empty()
                                                 ? "the configuration has no `params`"
                                                 : fmt::format("there are {}", joined(names))));
    }
    return out;
}

std::map<std::string, std::string> stand_ins(const std::vector<Param>& params) {
    std::map<std::string, std::string> out;
    for (const Param& param : params) {
        if (param.fallback) continue;
        switch (param.type) {
            case ParamType::string: out[param.name] = ""; break;
            case ParamType::boolean: out[param.name] = "false"; break;
            case ParamType::number:
                out[param.name] = expr::format_number(param.min.value_or(param.max.value_or(0)));
                break;
            case ParamType::choice:
                out[param.name] = param.options.empty() ? "" : param.options.front();
                break;
        }
    }
    return out;
}

Result<Param> param_from_json(const json::Value& value, std::string pointer) {
    json::ObjectReader in(value, std::move(pointer));
    const auto bound = [&](const char* name) -> std::optional<double> {
        const json::Value* found = in.find(name);
        if (found == nullptr || !found->is_number()) return std::nullopt;
        return found->to_number<double>();
    };
    Param param;
    param.name = in.string("name", 1024);
    param.type = model::wire::enum_or(in, "type", ParamType::string);
    param.options = in.strings_or_empty("options", 10'000);
    param.min = bound("min");
    param.max = bound("max");
    param.pattern = in.string_or("pattern", "", 1 << 16);
    SLUICE_CHECK(in.finish());
    return param;
}

json::Value to_json(const Param& param) {
    namespace wire = model::wire;
    json::Object out{{"name", wire::text(param.name)}, {"type", wire::text_of(param.type)}};
    out["default"] = param.fallback ? wire::text(param.fallback->text) : json::Value(nullptr);
    out["options"] = wire::strings(param.options);
    out["min"] = param.min ? json::Value(*param.min) : json::Value(nullptr);
    out["max"] = param.max ? json::Value(*param.max) : json::Value(nullptr);
    out["pattern"] = wire::text(param.pattern);
    out["help"] = wire::text(param.help);
    return out;
}

}  // namespace sluice::plan
