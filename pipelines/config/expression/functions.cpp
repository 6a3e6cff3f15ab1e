#include "pipelines/config/expression/functions.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sluice::config::expression {
namespace {

using Arguments = std::span<const Value>;
using Types = std::span<const Type>;

// replace() in a row can double a text each time; a plan stays small.
constexpr std::size_t k_max_result = 64 * 1024;

Error refuse(std::string message) {
    return error(Code::invalid, "bad_expression", std::move(message));
}

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

/// A string as trustworthy as the least of its sources.
Type joined_type(Types arguments) {
    Type out = Type::string();
    for (const Type& argument : arguments) {
        if (argument.taint <= out.taint) continue;
        out.taint = argument.taint;
        out.origin = argument.origin;
    }
    return out;
}

Type joined_list_type(Types arguments) {
    return Type::list(joined_type(arguments));
}

Type choose_type(Types arguments) {
    Type out = arguments[1].kind == Type::Kind::null ? arguments[2] : arguments[1];
    if (arguments[2].taint > out.taint) {
        out.taint = arguments[2].taint;
        out.origin = arguments[2].origin;
    }
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

Function later(std::string_view name) {
    Function out;
    out.name = name;
    out.supported = false;
    return out;
}

const std::vector<Function>& table() {
    using P = Param;
    static const std::vector<Function> functions{
        {"contains",
         "contains(list or string, x)",
         {P::list_or_string, P::any},
         false,
         boolean_type,
         contains},
        {"starts_with",
         "starts_with(s, prefix)",
         {P::string, P::string},
         false,
         boolean_type,
         starts_with},
        {"ends_with",
         "ends_with(s, suffix)",
         {P::string, P::string},
         false,
         boolean_type,
         ends_with},
        {"glob", "glob(s, pattern)", {P::string, P::string}, false, boolean_type, glob},
        {"changed", "changed(glob, …)", {P::string}, true, boolean_type, changed},
        {"slug", "slug(s)", {P::string}, false, safe_string_type, slug_of},
        {"lower", "lower(s)", {P::string}, false, joined_type, lower},
        {"upper", "upper(s)", {P::string}, false, joined_type, upper},
        {"replace",
         "replace(s, a, b)",
         {P::string, P::string, P::string},
         false,
         joined_type,
         replace},
        {"split", "split(s, separator)", {P::string, P::string}, false, joined_list_type, split},
        {"join", "join(list, separator)", {P::list, P::string}, false, joined_type, join},
        {"length", "length(list or string)", {P::list_or_string}, false, number_type, length},
        {"choose",
         "choose(condition, a, b)",
         {P::boolean, P::any, P::any},
         false,
         choose_type,
         choose},
        {"number", "number(s)", {P::string}, false, number_type, number},
        later("semver"),
        later("exists"),
        later("hash_files"),
        later("from_json"),
        later("to_json"),
    };
    return functions;
}

}  // namespace

const Function* find_function(std::string_view name) {
    for (const Function& function : table())
        if (function.name == name) return &function;
    return nullptr;
}

std::vector<std::string> function_names() {
    std::vector<std::string> out;
    for (const Function& function : table())
        if (function.supported) out.emplace_back(function.name);
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
