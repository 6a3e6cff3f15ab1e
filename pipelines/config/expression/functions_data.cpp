#include "pipelines/config/expression/functions_data.hpp"

#include "pipelines/base/json.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/config/expression/semver.hpp"

#include <fmt/format.h>
#include <boost/uuid/name_generator_sha1.hpp>

#include <algorithm>
#include <cmath>

namespace sluice::config::expression::data {
namespace {

using Arguments = std::span<const Value>;

Error refuse(std::string message) {
    return error(Code::invalid, "bad_expression", std::move(message));
}

Result<Value> value_of(const json::Value& value) {
    if (value.is_null()) return Value{};
    if (const bool* boolean = value.if_bool()) return Value::of(*boolean);
    if (const auto* text = value.if_string())
        return Value::of(std::string(text->data(), text->size()));
    if (value.is_number()) {
        const double number = value.to_number<double>();
        if (!std::isfinite(number)) return refuse("from_json(): a number is too large");
        return Value::of(number);
    }
    if (const json::Array* array = value.if_array()) {
        std::vector<Value> items;
        for (const json::Value& element : *array) {
            SLUICE_TRY(Value item, value_of(element));
            items.push_back(std::move(item));
        }
        return Value::list(std::move(items));
    }
    std::vector<Field> fields;
    for (const auto& member : value.as_object()) {
        SLUICE_TRY(Value field, value_of(member.value()));
        fields.push_back({std::string(member.key()), std::move(field)});
    }
    return Value::object(std::move(fields));
}

/// Those that the globs match, by path.
Result<std::vector<const TreeFile*>> matching(Arguments arguments, const World& world) {
    if (!world.tree)
        return error(Code::invalid, "tree_unknown", "the commit's files are not known here");
    std::vector<std::string> patterns;
    for (const Value& argument : arguments) patterns.push_back(argument.string);
    const text::Globs globs(patterns);
    std::vector<const TreeFile*> out;
    for (const TreeFile& file : world.tree())
        if (globs.match(file.path)) out.push_back(&file);
    std::sort(out.begin(), out.end(),
              [](const TreeFile* a, const TreeFile* b) { return a->path < b->path; });
    return out;
}

std::string shown_globs(Arguments arguments) {
    std::string out;
    for (const Value& argument : arguments) out += (out.empty() ? "" : ", ") + to_source(argument);
    return text::sanitize_utf8(out, 200);
}

}  // namespace

Result<Value> semver(Arguments a, const World&) {
    if (parse_semver(a[0].string)) return Value::semver(a[0].string);
    return refuse(
        fmt::format("`{}` is not a version such as 1.4.0", text::sanitize_utf8(a[0].string, 60)));
}

Result<Value> from_json(Arguments a, const World&) {
    const auto parsed = json::parse(a[0].string);
    if (!parsed) return refuse("from_json(): " + parsed.error().message);
    return value_of(*parsed);
}

Result<Value> to_json(Arguments a, const World&) {
    std::string out = to_json_text(a[0]);
    if (out.size() > k_max_result)
        return refuse(fmt::format("the result is longer than {} bytes", k_max_result));
    return Value::of(std::move(out));
}

Result<Value> exists(Arguments a, const World& world) {
    SLUICE_TRY(const auto files, matching(a, world));
    return Value::of(!files.empty());
}

Result<Value> hash_files(Arguments a, const World& world) {
    SLUICE_TRY(const auto files, matching(a, world));
    if (files.empty())
        return refuse(fmt::format("hash_files({}) matches no file of this commit", shown_globs(a)));
    // A path holds no NUL and a digest no line end, so two lists never read alike.
    std::string all;
    for (const TreeFile* file : files) {
        all += file->path;
        all += '\0';
        all += file->digest;
        all += '\n';
    }
    // The digests are git's own, so SHA-1 under them is as strong as what it is made of.
    static constexpr boost::uuids::uuid k_namespace{};
    const boost::uuids::uuid id = boost::uuids::name_generator_sha1(k_namespace)(all);
    return Value::of(text::to_hex({id.begin(), id.end()}));
}

}  // namespace sluice::config::expression::data
