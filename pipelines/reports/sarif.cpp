/// SARIF 2.1.0, as CodeQL, semgrep, trivy, gcc, clippy and most scanners write it.
#include "pipelines/base/text.hpp"
#include "pipelines/reports/finding_formats.hpp"
#include "pipelines/reports/json_documents.hpp"
#include "pipelines/reports/json_view.hpp"

#include <charconv>
#include <map>

namespace sluice::reports {
namespace {

using model::Finding;
using model::FixEdit;
using model::Severity;
using view::array;
using view::member;
using view::number;
using view::string;

/// `warning` is the default of SARIF; `none` says that the result is no problem.
std::optional<Severity> severity_of(std::string_view level) {
    if (level == "error") return Severity::error;
    if (level == "note") return Severity::note;
    if (level == "none") return std::nullopt;
    return Severity::warning;
}

class Run {
public:
    Run(const json::Value& run, const std::string& fallback, FindingList& into)
        : run_(run), into_(into) {
        tool_ = string(run, "tool", "driver", "name");
        if (tool_.empty()) tool_ = fallback;
    }

    void read() {
        for (const json::Value& result : array(run_, "results")) read_result(result);
    }

private:
    const json::Value* rule_of(const json::Value& result) const {
        const json::Array& rules = array(run_, "tool", "driver", "rules");
        const json::Value* index = member(result, "ruleIndex");
        if (index == nullptr) index = member(result, "rule", "index");
        if (index == nullptr || !index->is_int64() || index->as_int64() < 0) return nullptr;
        const auto at = static_cast<std::size_t>(index->as_int64());
        return at < rules.size() ? &rules[at] : nullptr;
    }

    /// `{0}` in a message stands for its argument; `id` names a text of the rule.
    std::string text_of(const json::Value& message, const json::Value* rule) const {
        std::string_view source = string(message, "text");
        const std::string_view id = string(message, "id");
        if (source.empty() && !id.empty() && rule != nullptr)
            source = string(*rule, "messageStrings", id, "text");
        std::string out;
        const json::Array& arguments = array(message, "arguments");
        for (std::size_t i = 0; i < source.size() && out.size() < 8192; ++i) {
            std::size_t index = 0;
            const char* const last = source.data() + source.size();
            const auto [end, ec] = source[i] == '{'
                                       ? std::from_chars(source.data() + i + 1, last, index)
                                       : std::from_chars_result{last, std::errc::invalid_argument};
            if (ec == std::errc{} && end != last && *end == '}' && index < arguments.size() &&
                arguments[index].is_string()) {
                out += std::string_view(arguments[index].as_string()).substr(0, 1024);
                i = static_cast<std::size_t>(end - source.data());
            } else {
                out += source[i];
            }
        }
        return out;
    }

    /// The uri of an artifact: by itself, or by its number in `artifacts`. A base is the workspace
    /// unless the run says where it is.
    std::string path_of(const json::Value& location) const {
        std::string_view uri = string(location, "uri");
        const json::Value* index = member(location, "index");
        if (uri.empty() && index != nullptr && index->is_int64() && index->as_int64() >= 0) {
            const json::Array& artifacts = array(run_, "artifacts");
            const auto at = static_cast<std::size_t>(index->as_int64());
            if (at < artifacts.size()) uri = string(artifacts[at], "location", "uri");
        }
        const std::string_view base = string(location, "uriBaseId");
        const std::string_view folder =
            base.empty() ? std::string_view() : string(run_, "originalUriBaseIds", base, "uri");
        std::string out(uri);
        if (folder.starts_with("file://") && uri.find("://") == std::string_view::npos)
            out = std::string(folder) + (folder.ends_with('/') ? "" : "/") + out;
        // `file://host/…` and escapes are the path map's; a bare relative uri may hold escapes too.
        if (out.find('%') != std::string::npos && !out.starts_with("file://")) out = decoded(out);
        return out;
    }

    static std::string decoded(std::string_view text) {
        std::string out;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const auto byte = text[i] == '%' && i + 2 < text.size()
                                  ? text::from_hex(text.substr(i + 1, 2))
                                  : std::nullopt;
            out += byte ? *byte : std::string(1, text[i]);
            if (byte) i += 2;
        }
        return out;
    }

    static void read_region(const json::Value& region, Finding& finding) {
        finding.line = number(region, "startLine");
        finding.column = number(region, "startColumn");
        finding.end_line = number(region, "endLine");
        finding.end_column = number(region, "endColumn");
        // SARIF leaves out an end line that is the start line.
        if (finding.end_line == 0 && finding.end_column > 0) finding.end_line = finding.line;
    }

    void read_fixes(const json::Value& result, Finding& finding) const {
        const json::Array& fixes = array(result, "fixes");
        if (fixes.empty()) return;
        for (const json::Value& change : array(fixes[0], "artifactChanges")) {
            const json::Value* location = member(change, "artifactLocation");
            const std::string file = location ? path_of(*location) : std::string();
            for (const json::Value& item : array(change, "replacements")) {
                const json::Value* region = member(item, "deletedRegion");
                if (region == nullptr) continue;
                Finding place;
                read_region(*region, place);
                const int end_line = place.end_line > 0 ? place.end_line : place.line;
                finding.fixes.push_back(
                    {.file = file,
                     .line = place.line,
                     .column = std::max(1, place.column),
                     .end_line = end_line,
                     .end_column = place.end_column,
                     .text = std::string(string(item, "insertedContent", "text"))});
            }
        }
    }

    void read_result(const json::Value& result) {
        const std::string_view kind = string(result, "kind");
        if (!kind.empty() && kind != "fail" && kind != "open" && kind != "review") return;
        if (!array(result, "suppressions").empty()) return;  // somebody has accepted it
        const json::Value* rule = rule_of(result);
        Finding finding;
        finding.tool = tool_;
        finding.rule = string(result, "ruleId");
        if (finding.rule.empty()) finding.rule = string(result, "rule", "id");
        if (finding.rule.empty() && rule != nullptr) finding.rule = string(*rule, "id");
        std::string_view level = string(result, "level");
        if (level.empty() && rule != nullptr)
            level = string(*rule, "defaultConfiguration", "level");
        const auto severity = severity_of(level);
        if (!severity) return;
        finding.severity = *severity;
        if (const json::Value* message = member(result, "message"))
            finding.message = text_of(*message, rule);
        if (finding.message.empty() && rule != nullptr)
            finding.message = string(*rule, "shortDescription", "text");
        const json::Array& locations = array(result, "locations");
        if (!locations.empty()) {
            if (const json::Value* place =
                    member(locations[0], "physicalLocation", "artifactLocation"))
                finding.file = path_of(*place);
            if (const json::Value* region = member(locations[0], "physicalLocation", "region"))
                read_region(*region, finding);
        }
        read_fixes(result, finding);
        into_.add(std::move(finding));
    }

    const json::Value& run_;
    FindingList& into_;
    std::string tool_;
};

class Sarif final : public FindingParser::Format {
public:
    Sarif(std::string tool, FindingList& into)
        : documents_("bad_findings",
                     [tool = std::move(tool), &into](const json::Value& document) -> Result<> {
                         if (member(document, "runs") == nullptr)
                             return error(Code::invalid, "bad_findings",
                                          "no SARIF: `runs` is missing");
                         for (const json::Value& run : array(document, "runs"))
                             Run(run, tool, into).read();
                         return {};
                     }) {}
    Result<> feed(std::string_view bytes) override { return documents_.feed(bytes); }
    Result<> finish() override { return documents_.finish(); }

private:
    JsonDocuments documents_;
};

}  // namespace

std::unique_ptr<FindingParser::Format> make_sarif(std::string tool, FindingList& into) {
    return std::make_unique<Sarif>(std::move(tool), into);
}

}  // namespace sluice::reports
