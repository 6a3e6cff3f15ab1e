#include "pipelines/config/manual/scalar_schema.hpp"

#include "pipelines/base/quantity.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/config/document.hpp"

#include <fmt/format.h>

namespace sluice::config::manual {
namespace {

/// A type whose values are texts, or what YAML makes of them, of one form.
struct Form {
    std::string_view pattern;  ///< of the text
    bool number = false;       ///< YAML may read it as a number
    bool boolean = false;
};

json::Object of_form(const Form& form, bool expressions) {
    json::Array types{"string"};
    if (form.number) types.push_back("number");
    if (form.boolean) types.push_back("boolean");
    json::Object out;
    out["type"] = types.size() == 1 ? types[0] : json::Value(types);
    std::string pattern(form.pattern);
    if (expressions && !pattern.empty()) pattern += fmt::format("|{}", k_expression);
    if (!pattern.empty()) out["pattern"] = pattern;
    return out;
}

json::Object whole_number(std::int64_t min, std::int64_t max, bool expressions) {
    std::string pattern = "^[0-9]+$";
    if (expressions) pattern += fmt::format("|{}", k_expression);
    return {{"type", json::Array{"integer", "string"}},
            {"minimum", min},
            {"maximum", max},
            {"pattern", pattern}};
}

json::Object choice(std::string_view choices, bool expressions) {
    json::Array values;
    for (const std::string& word : text::split(choices, ' ')) {
        values.push_back(json::Value(word));
        if (word == "1") values.push_back(1);  // as YAML reads it
    }
    json::Object out{{"enum", std::move(values)}};
    if (!expressions) return out;
    return {{"anyOf", json::Array{std::move(out),
                                  json::Object{{"type", "string"}, {"pattern", k_expression}}}}};
}

constexpr std::string_view k_duration =
    "^(?=.*[1-9])(?=[0-9])([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
constexpr std::string_view k_name = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$";
constexpr std::string_view k_secret =
    "^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$";

Form form_of(Scalar type) {
    switch (type) {
        case Scalar::line: return {"^[^\\r\\n]+$", true, true};
        case Scalar::script:
        case Scalar::value: return {"", true, true};
        case Scalar::boolean: return {"^(true|false)$", false, true};
        case Scalar::number: return {"^-?[0-9.]+([eE][+-]?[0-9]+)?$", true};
        case Scalar::duration: return {k_duration};
        case Scalar::size: return {"^[0-9]+([.][0-9]+)?([KMGT]i?)$"};
        case Scalar::cpu: return {"^[0-9]+([.][0-9]+)?m?$", true};
        case Scalar::percent: return {"^[0-9]+([.][0-9]+)?%$"};
        case Scalar::amount: return {"^-?[0-9.]+([eE][+-]?[0-9]+)?%?$", true};
        case Scalar::time: return {"^([01][0-9]|2[0-3]):[0-5][0-9]$"};
        case Scalar::cron: return {"^(@(hourly|daily|weekly|monthly)|\\s*\\S+(\\s+\\S+){4}\\s*)$"};
        case Scalar::timezone: return {"^[A-Za-z0-9_][A-Za-z0-9_/+-]{0,63}$"};
        case Scalar::condition: return {"", false, true};
        case Scalar::glob: return {"^(!.|[^!])", true};
        case Scalar::path: return {"^(?!!?[/~])(?!!$)(?!(.*/)?[.][.](/|$)).+", true};
        case Scalar::job_id: return {"^[a-z][a-z0-9_-]{0,62}$"};
        case Scalar::template_id: return {"^[.]?[a-z][a-z0-9_-]{0,62}$"};
        case Scalar::name: return {k_name, true, true};
        case Scalar::label: return {"^[A-Za-z0-9_][A-Za-z0-9_.=/:-]{0,127}$", true, true};
        case Scalar::image: return {"^[^\\s-]\\S*$"};
        case Scalar::secret: return {k_secret};
        case Scalar::data: return {"^((dataset|model)://[^@]+@.+|[a-z][^.]*[.].+)$"};
        case Scalar::dataset: return {"^dataset://.+$"};
        case Scalar::fragment: return {"^([.]/.+[.]yml|git[+]https://.+//.+@[0-9a-f]{40,64})$"};
        case Scalar::none:
        case Scalar::version:
        case Scalar::count:
        case Scalar::positive:
        case Scalar::port:
        case Scalar::exit_code:
        case Scalar::choice: break;
    }
    return {};
}

/// A scalar as YAML's core schema reads it.
json::Value to_json(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return nullptr;
        case Node::Kind::list: {
            json::Array out;
            for (const Node& item : node.items) out.push_back(to_json(item));
            return out;
        }
        case Node::Kind::map: {
            json::Object out;
            for (const Member& member : node.members) out[member.name] = to_json(member.value);
            return out;
        }
        case Node::Kind::scalar: break;
    }
    if (!node.plain) return json::Value(node.text);
    if (node.text == "true" || node.text == "false") return node.text == "true";
    const auto number = parse_decimal(node.text);
    if (!number) return json::Value(node.text);
    if (*number == static_cast<double>(static_cast<std::int64_t>(*number)))
        return static_cast<std::int64_t>(*number);
    return *number;
}

std::optional<json::Value> value_of(const std::string& yaml, std::string_view name) {
    Diagnostics diagnostics;
    const auto root = parse_document(diagnostics.add_file("example", yaml), diagnostics);
    if (!root || root->find(name) == nullptr) return std::nullopt;
    return to_json(*root->find(name));
}

}  // namespace

json::Object scalar_schema(Scalar type, std::string_view choices, bool expressions) {
    if (type == Scalar::version) return {{"enum", json::Array{1, "1"}}};
    if (type == Scalar::count) return whole_number(0, 1000, expressions);
    if (type == Scalar::positive) return whole_number(1, 10'000, expressions);
    if (type == Scalar::port) return whole_number(1, 65535, expressions);
    if (type == Scalar::exit_code) return whole_number(1, 255, expressions);
    if (type == Scalar::choice) return choice(choices, expressions);
    return of_form(form_of(type), expressions);
}

std::optional<json::Value> default_of(const Key& key) {
    // Words of these types would pass as values: `required`, `none`.
    constexpr Scalar k_exact[] = {Scalar::boolean, Scalar::count,  Scalar::positive,
                                  Scalar::port,    Scalar::number, Scalar::duration,
                                  Scalar::choice,  Scalar::percent};
    if (key.fallback.empty()) return std::nullopt;
    if (key.name == "image" && key.fallback == "none") return json::Value("none");
    if (key.name == "kind") return json::Value(key.fallback);
    for (const Scalar type : k_exact)
        if (key.scalar == type && !check_scalar(type, key.fallback, key.choices))
            return value_of(fmt::format("v: {}", key.fallback), "v");
    return std::nullopt;
}

std::optional<json::Value> example_value(const Key& key) {
    return value_of(std::string(key.example), key.name);
}

}  // namespace sluice::config::manual
