#include "hooks/payload.hpp"

#include "hooks/signature.hpp"
#include "pipelines/base/text.hpp"

#include <algorithm>
#include <charconv>

namespace sluice::hooks {
namespace {

constexpr json::Limits k_limits{.bytes = 25 << 20, .depth = 64};
constexpr std::size_t k_max_texts = 100;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> form_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = hex_digit(text[i + 1]);
        const int low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

std::string_view type_name(const json::Value& value) {
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
    return "something else";
}

/// One step of a JSON pointer; our own pointers need no `~` escapes.
const json::Value* step(const json::Value& value, std::string_view key) {
    if (const json::Object* object = value.if_object()) return object->if_contains(key);
    const json::Array* array = value.if_array();
    if (!array) return nullptr;
    std::size_t index = 0;
    auto [end, failed] = std::from_chars(key.data(), key.data() + key.size(), index);
    if (failed != std::errc{} || end != key.data() + key.size()) return nullptr;
    return array->if_contains(index);
}

}  // namespace

Payload::Payload(const RawDelivery& delivery) {
    std::string_view body = delivery.body;
    std::string decoded;
    if (header(delivery, "content-type")
            .value_or("")
            .starts_with("application/x-www-form-urlencoded")) {
        auto value = form_value(body, "payload");
        if (!value) {
            fail("bad_json the form has no readable field payload");
            return;
        }
        decoded = std::move(*value);
        body = decoded;
    }
    auto parsed = json::parse(body, k_limits);
    if (!parsed) {
        fail("bad_json " + parsed.error().message);
        return;
    }
    root_ = std::move(*parsed);
    if (!root_.is_object())
        fail("bad_payload expected an object, got " + std::string(type_name(root_)));
}

void Payload::fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
}

void Payload::expected(std::string_view pointer, std::string_view what, const json::Value* got) {
    fail("bad_payload " + std::string(pointer) + " expected " + std::string(what) + ", got " +
         std::string(got ? type_name(*got) : "nothing"));
}

const json::Value* Payload::find(std::string_view pointer) const {
    const json::Value* value = &root_;
    while (value && !pointer.empty()) {
        pointer.remove_prefix(1);
        const std::size_t end = std::min(pointer.find('/'), pointer.size());
        value = step(*value, pointer.substr(0, end));
        pointer.remove_prefix(end);
    }
    if (value && value->is_null()) return nullptr;
    return value;
}

std::string Payload::text(std::string_view pointer, std::size_t max_bytes) {
    if (!find(pointer)) {
        expected(pointer, "a string", nullptr);
        return {};
    }
    return text_or_empty(pointer, max_bytes);
}

std::string Payload::text_or_empty(std::string_view pointer, std::size_t max_bytes) {
    const json::Value* value = find(pointer);
    if (!value) return {};
    const auto* string = value->if_string();
    if (!string) {
        expected(pointer, "a string", value);
        return {};
    }
    return text::sanitize_utf8(std::string_view(*string), max_bytes);
}

std::int64_t Payload::number(std::string_view pointer) {
    const json::Value* value = find(pointer);
    const std::int64_t* number = value ? value->if_int64() : nullptr;
    if (!number || *number < 1) {
        expected(pointer, "a number from 1", value);
        return 0;
    }
    return *number;
}

bool Payload::flag(std::string_view pointer) {
    const json::Value* value = find(pointer);
    if (!value) return false;
    const bool* flag = value->if_bool();
    if (!flag) expected(pointer, "true or false", value);
    return flag && *flag;
}

std::vector<std::string> Payload::texts(std::string_view pointer, std::string_view key) {
    std::vector<std::string> out;
    const json::Value* value = find(pointer);
    if (!value) return out;
    const json::Array* array = value->if_array();
    if (!array) {
        expected(pointer, "an array", value);
        return out;
    }
    for (const json::Value& element : *array) {
        if (out.size() == k_max_texts) break;
        const json::Value* member = step(element, key);
        if (member && member->is_string())
            out.push_back(text::sanitize_utf8(std::string_view(member->get_string()), 256));
    }
    return out;
}

std::string Payload::commit(std::string_view pointer) {
    // One byte more than the longest id, so that a longer text is not cut down to a valid one.
    std::string id = text(pointer, 65);
    if (problem_.empty() && !text::is_commit_id(id))
        fail("bad_sha " + std::string(pointer) + " is not 40 or 64 hex digits");
    return lower(std::move(id));
}

std::string Payload::commit_or_zero(std::string_view pointer) {
    if (!find(pointer)) return {};
    return commit(pointer);
}

std::string Payload::branch(std::string_view pointer) {
    std::string name = text(pointer, k_ref_bytes);
    if (problem_.empty() && !is_ref_name("refs/heads/" + name))
        fail("bad_payload " + std::string(pointer) + " is not a name that git allows");
    return name;
}

bool is_ref_name(std::string_view name) {
    if (name.empty() || name.size() > 1024 || name.front() == '/' || name.back() == '/' ||
        name.back() == '.')
        return false;
    char before = '/';
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte == 0x7f || c == '~' || c == '^' || c == ':' || c == '?' ||
            c == '*' || c == '[' || c == '\\')
            return false;
        if (before == '/' && (c == '/' || c == '.')) return false;
        if (before == '.' && c == '.') return false;
        if (before == '@' && c == '{') return false;
        if (c == '/' && name.substr(0, i).ends_with(".lock")) return false;
        before = c;
    }
    return name.find('/') != std::string_view::npos && !name.ends_with(".lock");
}

std::optional<Ref> parse_ref(std::string_view name) {
    if (!is_ref_name(name)) return std::nullopt;
    constexpr std::string_view heads = "refs/heads/";
    constexpr std::string_view tags = "refs/tags/";
    if (name.starts_with(heads))
        return Ref{Ref::Kind::branch, std::string(name.substr(heads.size()))};
    if (name.starts_with(tags)) return Ref{Ref::Kind::tag, std::string(name.substr(tags.size()))};
    return Ref{Ref::Kind::other, std::string(name)};
}

std::string describe_push(DecodedEvent& out, std::string_view ref, std::string before,
                          std::string after) {
    auto parsed = parse_ref(ref);
    if (!parsed) return "bad_payload /ref is not a name that git allows";
    if (parsed->kind == Ref::Kind::other) return "ignored: ref " + parsed->name;
    const bool branch = parsed->kind == Ref::Kind::branch;
    if (text::is_zero_id(after)) return branch ? "branch_deleted" : "tag_deleted";
    out.ref = ref;
    out.event.kind = branch ? model::EventKind::push : model::EventKind::tag;
    (branch ? out.event.branch : out.event.tag) = std::move(parsed->name);
    out.event.sha = std::move(after);
    if (branch) out.event.old_sha = std::move(before);
    return {};
}

std::optional<std::string> form_value(std::string_view body, std::string_view name) {
    while (!body.empty()) {
        const std::size_t end = std::min(body.find('&'), body.size());
        std::string_view pair = body.substr(0, end);
        body.remove_prefix(std::min(end + 1, body.size()));
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
        return form_decode(pair.substr(equals + 1));
    }
    return std::nullopt;
}

Decoded one_event(std::string kind, DecodedEvent event) {
    Decoded decoded;
    decoded.kind = std::move(kind);
    decoded.events.push_back(std::move(event));
    return decoded;
}

Decoded ignore(std::string kind, std::string why) {
    Decoded decoded;
    decoded.kind = std::move(kind);
    decoded.ignored = std::move(why);
    return decoded;
}

}  // namespace sluice::hooks
