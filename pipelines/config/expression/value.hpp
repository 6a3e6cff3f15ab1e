#pragma once
/// Values and static types of expressions (reference A5). Pure values.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config::expression {

struct Field;

/// null, boolean, number, string, semver, list or object. A field that an object lacks reads as
/// null.
struct Value {
    enum class Kind { null, boolean, number, string, semver, list, object };
    Kind kind = Kind::null;
    bool boolean = false;
    double number = 0;
    std::string string;  ///< string; semver: its text, which is one
    std::vector<Value> items;
    std::vector<Field> fields;

    static Value of(bool value);
    static Value of(double value);
    static Value of(std::string value);
    static Value of(const char* value);
    static Value semver(std::string text);
    static Value list(std::vector<Value> items);
    static Value object(std::vector<Field> fields);
    /// As of(string), but null for "": how events say "not given".
    static Value text_or_null(const std::string& value);

    bool is_null() const { return kind == Kind::null; }
    const Value* find(std::string_view name) const;
    bool operator==(const Value& other) const;
};

struct Field {
    std::string name;
    Value value;
    bool operator==(const Field&) const = default;
};

/// Decimal without an exponent; whole numbers without a point.
std::string format_number(double number);
/// Boolean, number or string: the others are refused inside text.
bool can_stand_in_text(const Value& value);
/// How the value reads inside text; "" for what cannot stand there.
std::string to_plain_text(const Value& value);
/// As source of an expression that evaluates to an equal value: strings in single quotes, objects
/// and what has no literal as `from_json('…')`.
std::string to_source(const Value& value);
/// As compact JSON; versions are strings there.
std::string to_json_text(const Value& value);

/// Who may choose a string. Decides where it may be put (reference A5: `text` is refused where it
/// could be executed).
enum class Taint {
    safe,      ///< literals, the file's matrix, the commit id: may stand in `run`
    internal,  ///< strings that maintainers choose: not in `run`
    outsider,  ///< type `text`: branch, title, author, message, label
};

struct TypeField;

struct Type {
    /// `any`: what from_json() gives; checked when it is evaluated.
    enum class Kind { null, boolean, number, string, semver, list, object, any };
    Kind kind = Kind::null;
    bool nullable = false;
    Taint taint = Taint::safe;
    std::string origin;               ///< the name that brought the taint, for messages
    std::vector<std::string> values;  ///< enum: the only values a string takes; else empty
    /// list: one element, or none for `[]`; object: what a property that `fields` lacks is.
    std::vector<Type> item;
    std::vector<TypeField> fields;  ///< object
    std::string refusal;            ///< not empty: may not be read here, and why
    std::string
        refusal_hint;  ///< with `refusal`; of an object: what to do when it lacks a property

    static Type boolean();
    static Type number();
    static Type string(Taint taint = Taint::safe);
    static Type text();
    static Type semver();
    static Type any(Taint taint);
    static Type choice(std::vector<std::string> values);
    static Type list(Type item);
    static Type object(std::vector<TypeField> fields);
    static Type refused(std::string why, std::string hint = {});
    Type or_null() &&;

    const Type* find(std::string_view name) const;
};

struct TypeField {
    std::string name;
    Type type;
};

/// The worst taint in the type, with that of its elements and properties.
Taint deep_taint(const Type& type);
/// `text?`, `list<number>`, `string` … for messages.
std::string describe(const Type& type);

}  // namespace sluice::config::expression
