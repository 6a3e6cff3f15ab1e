#include "pipelines/base/json.hpp"

#include <fmt/format.h>
#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice::json {
namespace {

using boost::system::error_code;

/// What Boost.JSON's own handler does, plus: a key that repeats in one object is refused. (Boost
/// keeps the last one; others keep the first: a signed payload would mean two things.)
class StrictHandler {
public:
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);

    bool on_document_begin(error_code&) {
        stack_.reset({});
        return true;
    }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) {
        objects_.emplace_back();
        return true;
    }
    bool on_object_end(std::size_t count, error_code& ec) {
        auto& keys = objects_.back();
        std::sort(keys.begin(), keys.end());
        const auto twin = std::adjacent_find(keys.begin(), keys.end());
        if (twin != keys.end()) {
            duplicate = std::move(*twin);
            ec = boost::json::error::syntax;
            return false;
        }
        objects_.pop_back();
        stack_.push_object(count);
        return true;
    }
    bool on_array_begin(error_code&) { return true; }
    bool on_array_end(std::size_t count, error_code&) {
        stack_.push_array(count);
        return true;
    }
    bool on_key_part(boost::json::string_view text, std::size_t, error_code&) {
        key_.append(text);
        stack_.push_chars(text);
        return true;
    }
    bool on_key(boost::json::string_view text, std::size_t, error_code&) {
        key_.append(text);
        objects_.back().push_back(std::move(key_));
        key_.clear();
        stack_.push_key(text);
        return true;
    }
    bool on_string_part(boost::json::string_view text, std::size_t, error_code&) {
        stack_.push_chars(text);
        return true;
    }
    bool on_string(boost::json::string_view text, std::size_t, error_code&) {
        stack_.push_string(text);
        return true;
    }
    bool on_number_part(boost::json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t value, boost::json::string_view, error_code&) {
        stack_.push_int64(value);
        return true;
    }
    bool on_uint64(std::uint64_t value, boost::json::string_view, error_code&) {
        stack_.push_uint64(value);
        return true;
    }
    bool on_double(double value, boost::json::string_view, error_code& ec) {
        if (!std::isfinite(value)) {  // Boost reads 1e999 as infinity, which JSON cannot say
            ec = boost::json::error::exponent_overflow;
            return false;
        }
        stack_.push_double(value);
        return true;
    }
    bool on_bool(bool value, error_code&) {
        stack_.push_bool(value);
        return true;
    }
    bool on_null(error_code&) {
        stack_.push_null();
        return true;
    }
    bool on_comment_part(boost::json::string_view, error_code&) { return true; }
    bool on_comment(boost::json::string_view, error_code&) { return true; }

    Value release() { return stack_.release(); }

    std::optional<std::string> duplicate;

private:
    boost::json::value_stack stack_;
    std::vector<std::vector<std::string>> objects_;  ///< keys seen, per open object
    std::string key_;
};

Error bad_json(std::size_t offset, std::string_view why) {
    return error(Code::invalid, "bad_json",
                 fmt::format("not valid JSON at byte {}: {}", offset, why));
}

std::string escape_pointer(std::string_view key) {
    std::string out;
    for (const char c : key) {
        if (c == '~') {
            out += "~0";
        } else if (c == '/') {
            out += "~1";
        } else {
            out += c;
        }
    }
    return out;
}

std::string_view kind_name(const Value& value) {
    switch (value.kind()) {
        case boost::json::kind::null: return "null";
        case boost::json::kind::bool_: return "a boolean";
        case boost::json::kind::int64:
        case boost::json::kind::uint64:
        case boost::json::kind::double_: return "a number";
        case boost::json::kind::string: return "a string";
        case boost::json::kind::array: return "an array";
        case boost::json::kind::object: return "an object";
    }
    return "?";
}

std::string expected(std::string_view what, const Value* got) {
    if (got == nullptr) return fmt::format("{} is required", what);
    return fmt::format("{} is required, got {}", what, kind_name(*got));
}

}  // namespace

Result<Value> parse(std::string_view text, Limits limits) {
    if (text.size() > limits.bytes)
        return error(
            Code::too_large, "bad_json",
            fmt::format("{} bytes of JSON, at most {} are read", text.size(), limits.bytes));
    boost::json::parse_options options;
    options.max_depth = limits.depth;
    boost::json::basic_parser<StrictHandler> parser(options);
    error_code ec;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
    if (ec) {
        if (const auto& twin = parser.handler().duplicate)
            return bad_json(used, fmt::format("key `{}` appears twice", *twin));
        return bad_json(used, ec.message());
    }
    if (used < text.size()) {
        if (text.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
            return bad_json(used, "extra text after the value");
    }
    return parser.handler().release();
}

ObjectReader::ObjectReader(const Value& value, std::string pointer)
    : object_(value.if_object()), pointer_(std::move(pointer)) {
    if (object_ == nullptr)
        error_ = error(Code::invalid, "bad_field", expected("an object", &value), pointer_);
}

const Value* ObjectReader::member(std::string_view key) {
    asked_.emplace_back(key);
    if (object_ == nullptr) return nullptr;
    const Value* found = object_->if_contains(boost::json::string_view(key.data(), key.size()));
    return found == nullptr || found->is_null() ? nullptr : found;
}

void ObjectReader::fail(std::string_view key, std::string message) {
    fail_at(pointer(key), key, std::move(message));
}

void ObjectReader::fail_at(std::string place, std::string_view key, std::string message) {
    if (error_) return;
    error_ =
        error(Code::invalid, "bad_field", fmt::format("{}: {}", key, message), std::move(place));
}

std::string ObjectReader::string(std::string_view key, std::size_t max_bytes) {
    const Value* value = member(key);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    if (text == nullptr) {
        fail(key, expected("a string", value));
        return {};
    }
    if (text->size() > max_bytes) {
        fail(key, fmt::format("{} bytes, at most {}", text->size(), max_bytes));
        return {};
    }
    return std::string(text->begin(), text->end());
}

std::string ObjectReader::string_or(std::string_view key, std::string fallback,
                                    std::size_t max_bytes) {
    if (member(key) == nullptr) return fallback;
    return string(key, max_bytes);
}

std::int64_t ObjectReader::integer(std::string_view key, std::int64_t min, std::int64_t max) {
    const Value* value = member(key);
    if (value == nullptr || !(value->is_int64() || value->is_uint64())) {
        fail(key, expected("an integer", value));
        return min;
    }
    // Text gives int64 where it fits, values made from unsigned numbers are uint64.
    const std::uint64_t* large = value->if_uint64();
    const bool fits = large == nullptr || *large <= static_cast<std::uint64_t>(
                                                        std::numeric_limits<std::int64_t>::max());
    const std::int64_t number = !fits              ? std::numeric_limits<std::int64_t>::max()
                                : large != nullptr ? static_cast<std::int64_t>(*large)
                                                   : value->get_int64();
    if (fits && number >= min && number <= max) return number;
    fail(key, fmt::format("{} is not within {} to {}", serialize(*value), min, max));
    return min;
}

std::int64_t ObjectReader::integer_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                                      std::int64_t max) {
    if (member(key) == nullptr) return fallback;
    return integer(key, min, max);
}

bool ObjectReader::boolean_or(std::string_view key, bool fallback) {
    const Value* value = member(key);
    if (value == nullptr) return fallback;
    if (const bool* flag = value->if_bool()) return *flag;
    fail(key, expected("true or false", value));
    return fallback;
}

std::vector<std::string> ObjectReader::strings_or_empty(std::string_view key,
                                                        std::size_t max_items) {
    std::vector<std::string> out;
    const Value* value = member(key);
    if (value == nullptr) return out;
    const Array* items = value->if_array();
    if (items == nullptr) {
        fail(key, expected("an array of strings", value));
        return out;
    }
    if (items->size() > max_items) {
        fail(key, fmt::format("{} items, at most {}", items->size(), max_items));
        return out;
    }
    out.reserve(items->size());
    for (std::size_t i = 0; i < items->size(); ++i) {
        const auto* text = (*items)[i].if_string();
        if (text == nullptr) {
            fail_at(pointer(key, i), key, expected("a string", &(*items)[i]));
            return {};
        }
        out.emplace_back(text->begin(), text->end());
    }
    return out;
}

std::map<std::string, std::string> ObjectReader::string_map_or_empty(std::string_view key,
                                                                     std::size_t max_items) {
    std::map<std::string, std::string> out;
    const Value* value = member(key);
    if (value == nullptr) return out;
    const Object* members = value->if_object();
    if (members == nullptr) {
        fail(key, expected("an object of strings", value));
        return out;
    }
    if (members->size() > max_items) {
        fail(key, fmt::format("{} members, at most {}", members->size(), max_items));
        return out;
    }
    for (const auto& [name, item] : *members) {
        const auto* text = item.if_string();
        if (text == nullptr) {
            fail_at(pointer(key) + "/" + escape_pointer({name.data(), name.size()}), key,
                    expected("a string", &item));
            return {};
        }
        out.emplace(std::string(name.begin(), name.end()), std::string(text->begin(), text->end()));
    }
    return out;
}

const Value* ObjectReader::find(std::string_view key) {
    return member(key);
}

const Object* ObjectReader::object(std::string_view key) {
    const Value* value = member(key);
    const Object* found = value == nullptr ? nullptr : value->if_object();
    if (found == nullptr) fail(key, expected("an object", value));
    return found;
}

const Array* ObjectReader::array(std::string_view key) {
    const Value* value = member(key);
    const Array* found = value == nullptr ? nullptr : value->if_array();
    if (found == nullptr) fail(key, expected("an array", value));
    return found;
}

const Array* ObjectReader::array_or_null(std::string_view key) {
    const Value* value = member(key);
    if (value == nullptr) return nullptr;
    const Array* found = value->if_array();
    if (found == nullptr) fail(key, expected("an array", value));
    return found;
}

std::string ObjectReader::pointer(std::string_view key) const {
    return pointer_ + "/" + escape_pointer(key);
}

std::string ObjectReader::pointer(std::string_view key, std::size_t index) const {
    return fmt::format("{}/{}", pointer(key), index);
}

Result<> ObjectReader::finish() const {
    if (error_) return *error_;
    return {};
}

Result<> ObjectReader::finish_strict() const {
    SLUICE_CHECK(finish());
    for (const auto& member : *object_) {
        const std::string_view name(member.key().data(), member.key().size());
        if (std::find(asked_.begin(), asked_.end(), name) == asked_.end())
            return error(Code::invalid, "unknown_field", fmt::format("unknown member `{}`", name),
                         pointer(name));
    }
    return {};
}

}  // namespace sluice::json
