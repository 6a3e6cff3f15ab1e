/// Findings as JSON: ruff, pylint, eslint, shellcheck, hadolint, our own form and Code Climate's.
#include "pipelines/reports/finding_formats.hpp"
#include "pipelines/reports/json_documents.hpp"
#include "pipelines/reports/json_view.hpp"

namespace sluice::reports {
namespace {

using model::Finding;
using model::FixEdit;
using model::Severity;
using view::array;
using view::member;
using view::number;
using view::string;

Error not_of(std::string_view tool, std::string_view what) {
    return error(Code::invalid, "bad_findings",
                 "no report of " + std::string(tool) + ": " + std::string(what));
}

Result<> ruff(const json::Value& document, const std::string& tool, FindingList& into) {
    if (!document.is_array()) return not_of("ruff", "an array is expected");
    for (const json::Value& item : document.as_array()) {
        Finding f{.tool = tool};
        f.rule = string(item, "code");
        f.message = string(item, "message");
        f.file = string(item, "filename");
        f.line = number(item, "location", "row");
        f.column = number(item, "location", "column");
        f.end_line = number(item, "end_location", "row");
        f.end_column = number(item, "end_location", "column");
        // Without a code it is a syntax error: the file was not checked at all.
        const bool broken = f.rule.empty() || f.rule == "invalid-syntax" ||
                            f.rule.starts_with("E9") || f.rule.starts_with("F8");
        f.severity = broken ? Severity::error : Severity::warning;
        if (f.rule.empty()) f.rule = "syntax-error";
        for (const json::Value& edit : array(item, "fix", "edits"))
            f.fixes.push_back({.file = f.file,
                               .line = number(edit, "location", "row"),
                               .column = number(edit, "location", "column"),
                               .end_line = number(edit, "end_location", "row"),
                               .end_column = number(edit, "end_location", "column"),
                               .text = std::string(string(edit, "content"))});
        into.add(std::move(f));
    }
    return {};
}

Result<> pylint(const json::Value& document, const std::string& tool, FindingList& into) {
    // `json` is an array; `json2` (pylint 3) an object around it.
    if (!document.is_array() && member(document, "messages") == nullptr)
        return not_of("pylint", "an array is expected");
    const json::Array& items =
        document.is_array() ? document.as_array() : array(document, "messages");
    for (const json::Value& item : items) {
        Finding f{.tool = tool};
        f.rule = string(item, "symbol");
        f.message = string(item, "message");
        f.file = string(item, "path");
        f.line = number(item, "line");
        f.column = number(item, "column") + 1;  // pylint counts columns from 0
        f.end_line = number(item, "endLine");
        if (f.end_line > 0) f.end_column = number(item, "endColumn") + 1;
        const std::string_view type = string(item, "type");
        f.severity = type == "error" || type == "fatal" ? Severity::error
                     : type == "warning"                ? Severity::warning
                                                        : Severity::note;
        into.add(std::move(f));
    }
    return {};
}

/// eslint gives a fix as a range of offsets in the text as it was; without that text it can't be
/// placed, so fixes are left to eslint.
Result<> eslint(const json::Value& document, const std::string& tool, FindingList& into) {
    if (!document.is_array()) return not_of("eslint", "an array is expected");
    for (const json::Value& file : document.as_array())
        for (const json::Value& item : array(file, "messages")) {
            Finding f{.tool = tool};
            f.rule = string(item, "ruleId");
            f.message = string(item, "message");
            f.file = string(file, "filePath");
            f.line = number(item, "line");
            f.column = number(item, "column");
            f.end_line = number(item, "endLine");
            f.end_column = number(item, "endColumn");
            f.severity = number(item, "severity") >= 2 ? Severity::error : Severity::warning;
            const bool about_run = f.rule.empty() && f.line == 0;
            if (f.rule.empty()) f.rule = about_run ? "ignored" : "parse-error";
            if (!about_run) into.add(std::move(f));
        }
    return {};
}

Result<> shellcheck(const json::Value& document, const std::string& tool, FindingList& into) {
    if (!document.is_array() && member(document, "comments") == nullptr)
        return not_of("shellcheck", "`comments` is missing");
    const json::Array& items =
        document.is_array() ? document.as_array() : array(document, "comments");
    for (const json::Value& item : items) {
        Finding f{.tool = tool};
        f.rule = "SC" + std::to_string(number(item, "code"));
        f.message = string(item, "message");
        f.file = string(item, "file");
        f.line = number(item, "line");
        f.column = number(item, "column");
        f.end_line = number(item, "endLine");
        f.end_column = number(item, "endColumn");
        const std::string_view level = string(item, "level");
        f.severity = level == "error"     ? Severity::error
                     : level == "warning" ? Severity::warning
                                          : Severity::note;
        for (const json::Value& edit : array(item, "fix", "replacements"))
            f.fixes.push_back({.file = f.file,
                               .line = number(edit, "line"),
                               .column = number(edit, "column"),
                               .end_line = number(edit, "endLine"),
                               .end_column = number(edit, "endColumn"),
                               .text = std::string(string(edit, "replacement"))});
        into.add(std::move(f));
    }
    return {};
}

Result<> hadolint(const json::Value& document, const std::string& tool, FindingList& into) {
    if (!document.is_array()) return not_of("hadolint", "an array is expected");
    for (const json::Value& item : document.as_array()) {
        Finding f{.tool = tool};
        f.rule = string(item, "code");
        f.message = string(item, "message");
        f.file = string(item, "file");
        f.line = number(item, "line");
        f.column = number(item, "column");
        const std::string_view level = string(item, "level");
        f.severity = level == "error"     ? Severity::error
                     : level == "warning" ? Severity::warning
                                          : Severity::note;
        into.add(std::move(f));
    }
    return {};
}

Severity code_climate_severity(std::string_view text) {
    if (text == "blocker" || text == "critical" || text == "error") return Severity::error;
    if (text == "info" || text == "note") return Severity::note;
    return Severity::warning;
}

/// One finding of our own form (docs/reference/reports.md) or of Code Climate's, which GitLab uses.
Result<> own(const json::Value& item, const std::string& tool, FindingList& into) {
    if (!item.is_object()) return not_of("findings", "an object is expected");
    Finding f;
    f.tool = string(item, "tool");
    if (f.tool.empty()) f.tool = string(item, "engine_name");
    if (f.tool.empty()) f.tool = tool;
    f.rule = string(item, "rule");
    if (f.rule.empty()) f.rule = string(item, "check_name");
    f.message = string(item, "message");
    if (f.message.empty()) f.message = string(item, "description");
    if (f.message.empty()) return not_of("findings", "one has neither message nor description");
    f.severity = code_climate_severity(string(item, "severity"));
    f.file = string(item, "file");
    f.line = number(item, "line");
    f.column = number(item, "column");
    f.end_line = number(item, "end_line");
    f.end_column = number(item, "end_column");
    if (f.file.empty()) {
        f.file = string(item, "location", "path");
        f.line = number(item, "location", "lines", "begin");
        if (f.line == 0) f.line = number(item, "location", "positions", "begin", "line");
        f.column = number(item, "location", "positions", "begin", "column");
    }
    into.add(std::move(f));
    return {};
}

Result<> findings(const json::Value& document, const std::string& tool, FindingList& into) {
    if (document.is_object() && member(document, "findings") == nullptr)
        return own(document, tool, into);  // one object a line
    const json::Array& items =
        document.is_array() ? document.as_array() : array(document, "findings");
    for (const json::Value& item : items) SLUICE_CHECK(own(item, tool, into));
    return {};
}

class JsonFindings final : public FindingParser::Format {
public:
    using Read = Result<> (*)(const json::Value&, const std::string&, FindingList&);
    JsonFindings(Read read, std::string tool, FindingList& into)
        : documents_("bad_findings",
                     [read, tool = std::move(tool), &into](const json::Value& document) {
                         return read(document, tool, into);
                     }) {}
    Result<> feed(std::string_view bytes) override { return documents_.feed(bytes); }
    Result<> finish() override { return documents_.finish(); }

private:
    JsonDocuments documents_;
};

}  // namespace

std::unique_ptr<FindingParser::Format> make_json_findings(FindingFormat format, std::string tool,
                                                          FindingList& into) {
    const auto make = [&](JsonFindings::Read read) {
        return std::make_unique<JsonFindings>(read, std::move(tool), into);
    };
    switch (format) {
        case FindingFormat::ruff: return make(ruff);
        case FindingFormat::pylint: return make(pylint);
        case FindingFormat::eslint: return make(eslint);
        case FindingFormat::shellcheck: return make(shellcheck);
        case FindingFormat::hadolint: return make(hadolint);
        default: return make(findings);
    }
}

}  // namespace sluice::reports
