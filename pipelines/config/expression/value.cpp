#include "pipelines/config/expression/value.hpp"

#include <fmt/format.h>

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

std::string to_plain_text(const Value& value) {
    switch (value.kind) {
        case Value::Kind::boolean: return value.boolean ? "true" : "false";
        case Value::Kind::number: return format_number(value.number);
        case Value::Kind::string: return value.string;
        case Value::Kind::null:
        case Value::Kind::list:
        case Value::Kind::object: return "";
    }
    return "";
}

std::string to_source(const Value& value) {
    std::string out;
    switch (value.kind) {
        case Value::Kind::null:
        case Value::Kind::object: return "null";
        case Value::Kind::boolean:
        case Value::Kind::number: return to_plain_text(value);
        case Value::Kind::string:
            out = "'";
            for (const char c : value.string)
                out += c == '\'' ? std::string("''") : std::string(1, c);
            return out + "'";
        case Value::Kind::list:
            for (const Value& item : value.items)
                out += (out.empty() ? "" : ", ") + to_source(item);
            return "[" + out + "]";
    }
    return out;
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

std::string describe(const Type& type) {
    std::string out;
    switch (type.kind) {
        case Type::Kind::null: return "null";
        case Type::Kind::boolean: out = "boolean"; break;
        case Type::Kind::number: out = "number"; break;
        case Type::Kind::string: out = type.taint == Taint::outsider ? "text" : "string"; break;
        case Type::Kind::list:
            out = type.item.empty() ? "list" : fmt::format("list<{}>", describe(type.item[0]));
            break;
        case Type::Kind::object: out = "object"; break;
    }
    return type.nullable ? out + "?" : out;
}

}  // namespace sluice::config::expression
