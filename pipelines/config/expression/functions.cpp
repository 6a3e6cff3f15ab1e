#include "pipelines/config/expression/functions.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/config/expression/functions_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sluice::config::expression {
namespace {

using Arguments = std::span<const Value>;
using Types = std::span<const Type>;

Error refuse(std::string message) {
    return error(Code::invalid, "bad_expression", std::move(message));
}

// replace() in a row can double a text each time; a plan stays small.
Result<Value> sized(std::string text) {
    if (text.size() > k_max_result)
        return refuse(fmt::format("the result is longer than {} bytes", k_max_result));
    return Value::of(std::move(text));
}

Type boolean_type(Types) {
    return Type::boolean();
}
Type number_type(Types) {
    return Type::number();
}
Type safe_string_type(Types) {
    return Type::string();
}
Type semver_type(Types) {
    return Type::semver();
}

/// `type` as trustworthy as the least of its sources.
Type tainted(Type type, Types sources) {
    for (const Type& source : sources) {
        const Taint taint = deep_taint(source);
        if (taint <= type.taint) continue;
        type.taint = taint;
        type.origin = source.origin;
    }
    return type;
}

Type joined_type(Types arguments) {
    return tainted(Type::string(), arguments);
}
Type any_type(Types arguments) {
    return tainted(Type::any(Taint::safe), arguments);
}

Type joined_list_type(Types arguments) {
    return Type::list(joined_type(arguments));
}

Type choose_type(Types arguments) {
    const bool takes_second =
        arguments[1].kind == Type::Kind::null || arguments[2].kind == Type::Kind::any;
    Type out = tainted(takes_second ? arguments[2] : arguments[1], arguments.subspan(1));
    out.nullable = arguments[1].nullable || arguments[2].nullable;
    out.values.clear();
    return out;
}

Result<Value> contains(Arguments a, const World&) {
    if (a[0].kind == Value::Kind::list)
        return Value::of(std::find(a[0].items.begin(), a[0].items.end(), a[1]) != a[0].items.end());
    if (a[1].kind != Value::Kind::string) return refuse("a string contains strings only");
    return Value::of(a[0].string.find(a[1].string) != std::string::npos);
}

Result<Value> starts_with(Arguments a, const World&) {
    return Value::of(a[0].string.starts_with(a[1].string));
}
Result<Value> ends_with(Arguments a, const World&) {
    return Value::of(a[0].string.ends_with(a[1].string));
}
Result<Value> glob(Arguments a, const World&) {
    if (a[1].string.size() > 1024) return refuse("a pattern has at most 1024 bytes");
    return Value::of(text::glob_match(a[1].string, a[0].string));
}

Result<Value> changed(Arguments a, const World& world) {
    std::vector<std::string> globs;
    for (const Value& argument : a) globs.push_back(argument.string);
    return Value::of(!world.changed || world.changed(globs));
}

Result<Value> slug_of(Arguments a, const World&) {
    return Value::of(slug(a[0].string));
}

Result<Value> lower(Arguments a, const World&) {
    std::string out = a[0].string;
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return Value::of(std::move(out));
}

Result<Value> upper(Arguments a, const World&) {
    std::string out = a[0].string;
    for (char& c : out)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return Value::of(std::move(out));
}

Result<Value> replace(Arguments a, const World&) {
    const std::string& from = a[1].string;
    if (from.empty()) return refuse("replace() needs a text to look for");
    std::string out;
    for (std::size_t at = 0;;) {
        const std::size_t found = a[0].string.find(from, at);
        out += a[0].string.substr(at, found == std::string::npos ? found : found - at);
        if (found == std::string::npos || out.size() > k_max_result) return sized(std::move(out));
        out += a[2].string;
        at = found + from.size();
    }
}

Result<Value> split(Arguments a, const World&) {
    const std::string& separator = a[1].string;
    if (separator.empty()) return refuse("split() needs a separator");
    std::vector<Value> out;
    for (std::size_t at = 0;;) {
        const std::size_t found = a[0].string.find(separator, at);
        out.push_back(
            Value::of(a[0].string.substr(at, found == std::string::npos ? found : found - at)));
        if (found == std::string::npos) return Value::list(std::move(out));
        if (out.size() > 10'000) return refuse("split() makes more than 10000 parts");
        at = found + separator.size();
    }
}

Result<Value> join(Arguments a, const World&) {
    std::string out;
    bool first = true;
    for (const Value& item : a[0].items) {
        if (!can_stand_in_text(item)) return refuse("join() takes texts, numbers and booleans");
        if (!std::exchange(first, false)) out += a[1].string;
        out += to_plain_text(item);
        if (out.size() > k_max_result) break;
    }
    return sized(std::move(out));
}

Result<Value> length(Arguments a, const World&) {
    if (a[0].kind == Value::Kind::list) return Value::of(static_cast<double>(a[0].items.size()));
    const auto points = std::count_if(a[0].string.begin(), a[0].string.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    });
    return Value::of(static_cast<double>(points));
}

Result<Value> choose(Arguments a, const World&) {
    return a[0].boolean ? a[1] : a[2];
}

Result<Value> number(Arguments a, const World&) {
    const std::string_view digits = text::trim(a[0].string);
    double value = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value,
                                           std::chars_format::fixed);
    const bool is_number = ec == std::errc{} && end == digits.data() + digits.size() &&
                           digits.find_first_not_of("-.0123456789") == std::string_view::npos;
    if (!is_number || digits.size() > 18)
        return refuse(fmt::format("`{}` is not a number", text::sanitize_utf8(a[0].string, 60)));
    return Value::of(value);
}

const std::vector<Function>& table() {
    using P = Param;
    static const std::vector<Function> functions{
        {.name = "contains",
         .usage = "contains(list or string, x)",
         .params = {P::list_or_string, P::any},
         .type = boolean_type,
         .apply = contains,
         .help = "the list holds x, or the text holds the text x"},
        {.name = "starts_with",
         .usage = "starts_with(s, prefix)",
         .params = {P::string, P::string},
         .type = boolean_type,
         .apply = starts_with,
         .help = "s begins with it"},
        {.name = "ends_with",
         .usage = "ends_with(s, suffix)",
         .params = {P::string, P::string},
         .type = boolean_type,
         .apply = ends_with,
         .help = "s ends with it"},
        {.name = "glob",
         .usage = "glob(s, pattern)",
         .params = {P::string, P::string},
         .type = boolean_type,
         .apply = glob,
         .help =
             "the whole of s matches a glob: `*` up to the next `/`, `**` across, `?`, `[a-z]`, "
             "`{a,b}`"},
        {.name = "semver",
         .usage = "semver(s)",
         .params = {P::string},
         .type = semver_type,
         .apply = data::semver,
         .help =
             "s as a version, for `==` and `<`; a leading `v` and missing last parts are taken, "
             "anything else is an error"},
        {.name = "changed",
         .usage = "changed(glob, …)",
         .params = {P::string},
         .variadic = true,
         .type = boolean_type,
         .apply = changed,
         .help = "a changed path matches, as `changes` asks it",
         .pure = false},
        {.name = "exists",
         .usage = "exists(glob, …)",
         .params = {P::string},
         .variadic = true,
         .type = boolean_type,
         .apply = data::exists,
         .help = "a file of the commit matches",
         .pure = false},
        {.name = "hash_files",
         .usage = "hash_files(glob, …)",
         .params = {P::string},
         .variadic = true,
         .type = safe_string_type,
         .apply = data::hash_files,
         .help = "32 hex digits over names and contents of the commit's files that match; matching "
                 "none is an error",
         .pure = false},
        {.name = "slug",
         .usage = "slug(s)",
         .params = {P::string},
         .type = safe_string_type,
         .apply = slug_of,
         .help = "`[a-z0-9-]{1,63}`, with a short hash when anything was lost; safe anywhere"},
        {.name = "lower",
         .usage = "lower(s)",
         .params = {P::string},
         .type = joined_type,
         .apply = lower,
         .help = "A-Z to a-z"},
        {.name = "upper",
         .usage = "upper(s)",
         .params = {P::string},
         .type = joined_type,
         .apply = upper,
         .help = "a-z to A-Z"},
        {.name = "replace",
         .usage = "replace(s, a, b)",
         .params = {P::string, P::string, P::string},
         .type = joined_type,
         .apply = replace,
         .help = "every a in s becomes b"},
        {.name = "split",
         .usage = "split(s, separator)",
         .params = {P::string, P::string},
         .type = joined_list_type,
         .apply = split,
         .help = "the parts as a list"},
        {.name = "join",
         .usage = "join(list, separator)",
         .params = {P::list, P::string},
         .type = joined_type,
         .apply = join,
         .help = "the elements as one text"},
        {.name = "length",
         .usage = "length(list or string)",
         .params = {P::list_or_string},
         .type = number_type,
         .apply = length,
         .help = "elements, or characters"},
        {.name = "choose",
         .usage = "choose(condition, a, b)",
         .params = {P::boolean, P::any, P::any},
         .type = choose_type,
         .apply = choose,
         .help = "a when the condition holds, else b; both have one type",
         .takes_null = true},
        {.name = "number",
         .usage = "number(s)",
         .params = {P::string},
         .type = number_type,
         .apply = number,
         .help = "a decimal text as a number, anything else is an error"},
        {.name = "from_json",
         .usage = "from_json(s)",
         .params = {P::string},
         .type = any_type,
         .apply = data::from_json,
         .help = "the value of a JSON text; its type is known only when it is evaluated"},
        {.name = "to_json",
         .usage = "to_json(x)",
         .params = {P::any},
         .type = joined_type,
         .apply = data::to_json,
         .help = "any value as JSON text",
         .takes_null = true},
    };
    return functions;
}

}  // namespace

std::span<const Function> all_functions() {
    return table();
}

const Function* find_function(std::string_view name) {
    for (const Function& function : table())
        if (function.name == name) return &function;
    return nullptr;
}

std::vector<std::string> function_names() {
    std::vector<std::string> out;
    for (const Function& function : table()) out.emplace_back(function.name);
    return out;
}

std::string slug(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const char low = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        const bool fits = (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9');
        if (fits) out += low;
        if (!fits && !out.empty() && out.back() != '-') out += '-';
    }
    while (out.ends_with('-')) out.pop_back();
    if (out == text && !out.empty() && out.size() <= 63) return out;
    // `feature/x` and `feature-x` must not become the same name.
    std::uint32_t hash = 2166136261u;  // FNV-1a
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    out = out.substr(0, 54);
    while (out.ends_with('-')) out.pop_back();
    return fmt::format("{}{}{:08x}", out, out.empty() ? "" : "-", hash);
}

}  // namespace sluice::config::expression
