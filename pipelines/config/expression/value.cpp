#include "pipelines/config/expression/value.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/config/expression/semver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice::config::expression {

Value Value::of(bool value) {
    Value out;
    out.kind = Kind::boolean;
    out.boolean = value;
    return out;
}

Value Value::of(double value) {
    Value out;
    out.kind = Kind::number;
    out.number = value;
    return out;
}

Value Value::of(std::string value) {
    Value out;
    out.kind = Kind::string;
    out.string = std::move(value);
    return out;
}

Value Value::of(const char* value) {
    return of(std::string(value));
}

Value Value::semver(std::string text) {
    Value out = of(std::move(text));
    out.kind = Kind::semver;
    return out;
}

Value Value::list(std::vector<Value> items) {
    Value out;
    out.kind = Kind::list;
    out.items = std::move(items);
    return out;
}

Value Value::object(std::vector<Field> fields) {
    Value out;
    out.kind = Kind::object;
    out.fields = std::move(fields);
    return out;
}

Value Value::text_or_null(const std::string& value) {
    return value.empty() ? Value{} : of(value);
}

const Value* Value::find(std::string_view name) const {
    for (const Field& field : fields)
        if (field.name == name) return &field.value;
    return nullptr;
}

bool Value::operator==(const Value& other) const {
    if (kind != other.kind) return false;
    switch (kind) {
        case Kind::null: return true;
        case Kind::boolean: return boolean == other.boolean;
        case Kind::number: return number == other.number;
        case Kind::string: return string == other.string;
        case Kind::semver: return compare_semver_texts(string, other.string) == 0;
        case Kind::list: return items == other.items;
        case Kind::object: return fields == other.fields;
    }
    return false;
}

std::string format_number(double number) {
    std::array<char, 400> buffer;
    const auto end =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), number + 0.0,  // -0 is 0
                      std::chars_format::fixed);
    return std::string(buffer.data(), end.ptr);
}

bool can_stand_in_text(const Value& value) {
    return value.kind == Value::Kind::boolean || value.kind == Value::Kind::number ||
           value.kind == Value::Kind::string;
}

std::string to_plain_text(const Value& value) {
    switch (value.kind) {
        case Value::Kind::boolean: return value.boolean ? "true" : "false";
        case Value::Kind::number: return format_number(value.number);
        case Value::Kind::string: return value.string;
        case Value::Kind::null:
        case Value::Kind::semver:
        case Value::Kind::list:
        case Value::Kind::object: return "";
    }
    return "";
}

namespace {

std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
    return out + "'";
}

/// What the lexer takes as a number; longer ones go through from_json().
constexpr std::size_t k_max_literal_digits = 18;

}  // namespace

std::string to_json_text(const Value& value) {
    switch (value.kind) {
        case Value::Kind::null: return "null";
        case Value::Kind::boolean: return to_plain_text(value);
        case Value::Kind::number: {
            std::string digits = format_number(value.number);
            return digits.size() <= k_max_literal_digits ? digits
                                                         : fmt::format("{:.17g}", value.number);
        }
        case Value::Kind::string:
        case Value::Kind::semver: return json::serialize(json::Value(value.string));
        case Value::Kind::list: {
            std::string out;
            for (const Value& item : value.items)
                out += (out.empty() ? "" : ",") + to_json_text(item);
            return "[" + out + "]";
        }
        case Value::Kind::object: {
            std::string out;
            for (const Field& field : value.fields)
                out += (out.empty() ? "" : ",") + json::serialize(json::Value(field.name)) + ":" +
                       to_json_text(field.value);
            return "{" + out + "}";
        }
    }
    return "null";
}

std::string to_source(const Value& value) {
    switch (value.kind) {
        case Value::Kind::null: return "null";
        case Value::Kind::boolean: return to_plain_text(value);
        case Value::Kind::number: {
            std::string digits = format_number(value.number);
            if (digits.size() <= k_max_literal_digits) return digits;
            return fmt::format("from_json({})", quoted(to_json_text(value)));
        }
        case Value::Kind::string: return quoted(value.string);
        case Value::Kind::semver: return fmt::format("semver({})", quoted(value.string));
        case Value::Kind::list: {
            std::string out;
            for (const Value& item : value.items)
                out += (out.empty() ? "" : ", ") + to_source(item);
            return "[" + out + "]";
        }
        case Value::Kind::object: return fmt::format("from_json({})", quoted(to_json_text(value)));
    }
    return "null";
}

Type Type::boolean() {
    Type out;
    out.kind = Kind::boolean;
    return out;
}

Type Type::number() {
    Type out;
    out.kind = Kind::number;
    return out;
}

Type Type::string(Taint taint) {
    Type out;
    out.kind = Kind::string;
    out.taint = taint;
    return out;
}

Type Type::text() {
    return string(Taint::outsider);
}

Type Type::semver() {
    Type out;
    out.kind = Kind::semver;
    return out;
}

Type Type::any(Taint taint) {
    Type out;
    out.kind = Kind::any;
    out.taint = taint;
    return out;
}

Type Type::choice(std::vector<std::string> values) {
    Type out = string(Taint::internal);
    out.values = std::move(values);
    return out;
}

Type Type::list(Type item) {
    Type out;
    out.kind = Kind::list;
    out.taint = item.taint;
    out.item.push_back(std::move(item));
    return out;
}

Type Type::object(std::vector<TypeField> fields) {
    Type out;
    out.kind = Kind::object;
    out.fields = std::move(fields);
    return out;
}

Type Type::refused(std::string why, std::string hint) {
    Type out;
    out.refusal = std::move(why);
    out.refusal_hint = std::move(hint);
    return out;
}

Type Type::or_null() && {
    nullable = true;
    return std::move(*this);
}

const Type* Type::find(std::string_view name) const {
    for (const TypeField& field : fields)
        if (field.name == name) return &field.type;
    return nullptr;
}

Taint deep_taint(const Type& type) {
    Taint out = type.taint;
    for (const Type& item : type.item) out = std::max(out, deep_taint(item));
    for (const TypeField& field : type.fields)
        if (field.type.refusal.empty()) out = std::max(out, deep_taint(field.type));
    return out;
}

std::string describe(const Type& type) {
    std::string out;
    switch (type.kind) {
        case Type::Kind::null: return "null";
        case Type::Kind::boolean: out = "boolean"; break;
        case Type::Kind::number: out = "number"; break;
        case Type::Kind::string: out = type.taint == Taint::outsider ? "text" : "string"; break;
        case Type::Kind::semver: out = "semver"; break;
        case Type::Kind::any: return "value of from_json()";
        case Type::Kind::list:
            out = type.item.empty() ? "list" : fmt::format("list<{}>", describe(type.item[0]));
            break;
        case Type::Kind::object: out = "object"; break;
    }
    return type.nullable ? out + "?" : out;
}

}  // namespace sluice::config::expression
