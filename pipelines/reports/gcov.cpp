/// `gcov --json-format`: one document per source file, also several in a stream (`--stdout`).
#include "pipelines/reports/coverage_formats.hpp"
#include "pipelines/reports/json_documents.hpp"

#include <algorithm>

namespace sluice::reports {
namespace {

std::uint64_t number(const json::Object& object, std::string_view key) {
    const json::Value* value = object.if_contains(key);
    if (value == nullptr) return 0;
    if (value->is_int64())
        return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value->as_int64()));
    if (value->is_uint64()) return value->as_uint64();
    return 0;
}

std::string_view string(const json::Object& object, std::string_view key) {
    const json::Value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return {value->as_string().data(), value->as_string().size()};
}

const json::Array* array(const json::Object& object, std::string_view key) {
    const json::Value* value = object.if_contains(key);
    return value == nullptr ? nullptr : value->if_array();
}

class Gcov final : public CoverageParser::Format {
public:
    Gcov(PathMap paths, Coverage& into)
        : paths_(std::move(paths)),
          into_(into),
          documents_("bad_coverage", [this](const json::Value& value) { return take(value); }) {}

    Result<> feed(std::string_view bytes) override { return documents_.feed(bytes); }
    Result<> finish() override { return documents_.finish(); }

private:
    Result<> take(const json::Value& value) {
        const json::Object* document = value.if_object();
        const json::Array* files = document ? array(*document, "files") : nullptr;
        if (files == nullptr)
            return error(Code::invalid, "bad_coverage", "no gcov document: `files` is missing");
        const std::string folder(string(*document, "current_working_directory"));
        for (const json::Value& item : *files)
            if (const json::Object* file = item.if_object()) SLUICE_CHECK(take_file(*file, folder));
        return {};
    }

    Result<> take_file(const json::Object& file, const std::string& folder) {
        const std::string_view name = string(file, "file");
        const auto path = name.starts_with('/') || folder.empty()
                              ? paths_.in_workspace(name)
                              : paths_.in_workspace(folder + "/" + std::string(name));
        const json::Array* lines = array(file, "lines");
        if (!path || lines == nullptr) return {};
        for (const json::Value& item : *lines) {
            const json::Object* line = item.if_object();
            if (line == nullptr) continue;
            LineHits hits;
            hits.line = static_cast<std::uint32_t>(
                std::min<std::uint64_t>(number(*line, "line_number"), INT32_MAX));
            hits.hits = static_cast<std::uint32_t>(
                std::min<std::uint64_t>(number(*line, "count"), UINT32_MAX));
            if (const json::Array* branches = array(*line, "branches"))
                for (const json::Value& branch : *branches) {
                    if (!branch.is_object() || hits.branches == UINT16_MAX) continue;
                    ++hits.branches;
                    hits.branches_covered += number(branch.as_object(), "count") > 0;
                }
            SLUICE_CHECK(into_.add(*path, hits));
        }
        return {};
    }

    PathMap paths_;
    Coverage& into_;
    JsonDocuments documents_;
};

}  // namespace

std::unique_ptr<CoverageParser::Format> make_gcov(PathMap paths, Coverage& into) {
    return std::make_unique<Gcov>(std::move(paths), into);
}

}  // namespace sluice::reports
