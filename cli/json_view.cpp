#include "cli/json_view.hpp"

#include "cli/term/text.hpp"

namespace sluice::cli {
namespace {

void write_pretty(const json::Value& value, int depth, std::string& out) {
    auto indent = [&](int levels) {
        out += '\n';
        out.append(static_cast<std::size_t>(levels) * 2, ' ');
    };
    if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
        out += '{';
        bool first = true;
        for (const auto& [key, item] : *object) {
            if (!first) out += ',';
            first = false;
            indent(depth + 1);
            out += json::serialize(json::Value(key));
            out += ": ";
            write_pretty(item, depth + 1, out);
        }
        indent(depth);
        out += '}';
        return;
    }
    if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
        out += '[';
        bool first = true;
        for (const auto& item : *array) {
            if (!first) out += ',';
            first = false;
            indent(depth + 1);
            write_pretty(item, depth + 1, out);
        }
        indent(depth);
        out += ']';
        return;
    }
    out += json::serialize(value);
}

}  // namespace

const json::Value& member(const json::Value& object, std::string_view key) {
    static const json::Value null;
    const auto* members = object.if_object();
    if (members == nullptr) return null;
    const auto* found = members->if_contains(key);
    return found == nullptr ? null : *found;
}

std::string text_of(const json::Value& object, std::string_view key) {
    const auto* text = member(object, key).if_string();
    return text == nullptr ? std::string{} : std::string(text->data(), text->size());
}

std::optional<std::int64_t> number_of(const json::Value& object, std::string_view key) {
    const auto* number = member(object, key).if_int64();
    return number == nullptr ? std::nullopt : std::optional(*number);
}

bool flag_of(const json::Value& object, std::string_view key) {
    const auto* flag = member(object, key).if_bool();
    return flag != nullptr && *flag;
}

const json::Array& items_of(const json::Value& object, std::string_view key) {
    static const json::Array none;
    const auto* array = member(object, key).if_array();
    return array == nullptr ? none : *array;
}

std::string joined(const json::Value& object, std::string_view key, std::string_view separator) {
    std::string out;
    for (const auto& item : items_of(object, key)) {
        const auto* text = item.if_string();
        if (text == nullptr) continue;
        if (!out.empty()) out += separator;
        out.append(text->data(), text->size());
    }
    return out;
}

std::string age_of(const json::Value& object, std::string_view key, const Clock& clock,
                   std::string_view none) {
    const auto at = parse_utc(text_of(object, key));
    return at ? human_age(*at, clock.now().ms) : std::string(none);
}

std::string pretty(const json::Value& value) {
    std::string out;
    write_pretty(value, 0, out);
    return out + "\n";
}

}  // namespace sluice::cli
