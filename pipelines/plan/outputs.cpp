#include "pipelines/plan/outputs.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/model/wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sluice::plan {
namespace {

using config::expression::Value;
using model::OutputType;

Error refuse(std::string message) {
    return error(Code::invalid, "bad_output", std::move(message));
}

std::string quoted(std::string_view text) {
    return fmt::format("\"{}\"", text::sanitize_utf8(text, 60));
}

/// JSON's own grammar, so that `1e3` and `-0.5` are numbers and `0x10` and `1,5` are none.
Result<double> number(std::string_view text) {
    const auto value = json::parse(text);
    if (value && value->is_number() && std::isfinite(value->to_number<double>()))
        return value->to_number<double>();
    return refuse(fmt::format("is not a number: {}", quoted(text)));
}

Result<std::string> item_text(const json::Value& item) {
    if (item.is_string()) return std::string(item.get_string());
    if (item.is_bool()) return std::string(item.get_bool() ? "true" : "false");
    if (item.is_number()) return config::expression::format_number(item.to_number<double>());
    return refuse("holds something that is no text, number or boolean");
}

Result<std::vector<std::string>> list(std::string_view text) {
    std::vector<std::string> out;
    if (!text.starts_with('[')) {
        for (const std::string& line : text::split(text, '\n'))
            if (!text::trim(line).empty()) out.emplace_back(text::trim(line));
        return out;
    }
    const auto value = json::parse(text);
    if (!value || !value->is_array())
        return refuse(fmt::format("begins with `[` and is no JSON array: {}", quoted(text)));
    for (const json::Value& item : value->get_array()) {
        SLUICE_TRY(std::string written, item_text(item));
        out.push_back(std::move(written));
    }
    return out;
}

}  // namespace

bool is_digest(std::string_view text) {
    const std::size_t at = text.rfind('@');
    if (at != std::string_view::npos) {
        const std::string_view reference = text.substr(0, at);
        const bool plain = !reference.empty() && reference.size() <= 512 &&
                           std::all_of(reference.begin(), reference.end(), [](char c) {
                               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                      (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' ||
                                      c == '/' || c == ':';
                           });
        if (!plain) return false;
        text.remove_prefix(at + 1);
    }
    const std::size_t wanted = text.starts_with("sha256:")   ? 64
                               : text.starts_with("sha512:") ? 128
                                                             : 0;
    if (wanted == 0) return false;
    text.remove_prefix(7);
    return text.size() == wanted &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

namespace {

Result<std::string> form_of(OutputType type, std::string_view text) {
    if (text::find_invalid_utf8(text) || text.find('\0') != std::string_view::npos)
        return refuse("is not valid UTF-8 text");
    switch (type) {
        case OutputType::string: return std::string(text);
        case OutputType::number: {
            SLUICE_TRY(const double value, number(text::trim(text)));
            return config::expression::format_number(value);
        }
        case OutputType::boolean: {
            const std::string_view word = text::trim(text);
            if (word == "true" || word == "false") return std::string(word);
            return refuse(fmt::format("is not true or false: {}", quoted(text)));
        }
        case OutputType::digest:
            if (is_digest(text::trim(text))) return std::string(text::trim(text));
            return refuse(
                fmt::format("is not a digest (`sha256:` and 64 hex digits, also behind a reference "
                            "and `@`): {}",
                            quoted(text)));
        case OutputType::list: {
            SLUICE_TRY(const auto items, list(text));
            if (items.size() > k_max_output_items)
                return refuse(
                    fmt::format("has {} items, at most {}", items.size(), k_max_output_items));
            return json::serialize(model::wire::strings(items));
        }
        case OutputType::file:
        case OutputType::dir:
        case OutputType::dataset:
        case OutputType::model: break;
    }
    return refuse(fmt::format("is of type {}, which $CI_OUTPUT does not carry", to_text(type)));
}

}  // namespace

Result<std::string> canonical_output(OutputType type, std::string_view text) {
    const auto fits = [](std::size_t bytes) { return bytes <= k_max_output_bytes; };
    const auto too_long = [](std::size_t bytes) {
        return refuse(fmt::format("has {} bytes, at most {}", bytes, k_max_output_bytes));
    };
    if (!fits(text.size())) return too_long(text.size());
    auto out = form_of(type, text);
    if (out && !fits(out->size())) return too_long(out->size());
    return out;
}

json::Value output_json(OutputType type, const std::string& canonical) {
    if (type != OutputType::number && type != OutputType::boolean && type != OutputType::list)
        return model::wire::text(canonical);
    const auto value = json::parse(canonical);
    return value ? *value : model::wire::text(canonical);
}

Value output_value(OutputType type, const std::string& canonical) {
    switch (type) {
        case OutputType::string:
        case OutputType::digest: return Value::of(canonical);
        case OutputType::boolean: return Value::of(canonical == "true");
        case OutputType::number: {
            const auto value = number(canonical);
            return value ? Value::of(*value) : Value{};
        }
        case OutputType::list: {
            const auto items = list(canonical);
            std::vector<Value> out;
            if (!items) return Value{};
            for (const std::string& item : *items) out.push_back(Value::of(item));
            return Value::list(std::move(out));
        }
        case OutputType::file:
        case OutputType::dir:
        case OutputType::dataset:
        case OutputType::model: break;
    }
    return Value{};
}

}  // namespace sluice::plan
