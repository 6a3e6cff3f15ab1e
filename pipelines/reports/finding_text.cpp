/// Findings as lines of text: compilers and clang-tidy, clang-format, mypy, flake8, yamllint.
#include "pipelines/base/text.hpp"
#include "pipelines/reports/finding_formats.hpp"
#include "pipelines/reports/lines.hpp"

#include <charconv>

namespace sluice::reports {
namespace {

using model::Finding;
using model::Severity;

constexpr std::size_t k_max_bytes = 512u << 20;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// `path:12:3` at the beginning of a line; `rest` is what follows the last number and its colon.
struct Place {
    std::string_view file;
    int numbers[4] = {};
    int count = 0;
    std::string_view rest;
};

std::optional<Place> place_of(std::string_view line, int most) {
    // A drive letter is part of the path.
    const std::size_t from =
        line.size() > 2 && line[1] == ':' && (line[2] == '\\' || line[2] == '/') ? 2 : 0;
    for (std::size_t colon = line.find(':', from); colon != std::string_view::npos;
         colon = line.find(':', colon + 1)) {
        if (colon == 0 || colon + 1 >= line.size() || !is_digit(line[colon + 1])) continue;
        Place out;
        out.file = line.substr(0, colon);
        std::string_view rest = line.substr(colon);
        while (out.count < most && rest.size() > 1 && rest[0] == ':' && is_digit(rest[1])) {
            const auto [end, ec] =
                std::from_chars(rest.data() + 1, rest.data() + rest.size(), out.numbers[out.count]);
            if (ec != std::errc{}) return std::nullopt;
            ++out.count;
            rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        }
        if (rest.empty() || rest[0] != ':') continue;
        out.rest = text::trim(rest.substr(1));
        return out;
    }
    return std::nullopt;
}

/// Takes `[rule]` or `(rule)` off the end.
std::string_view cut_rule(std::string_view& message, char open, char close) {
    if (!message.ends_with(close)) return {};
    const std::size_t begin = message.rfind(open);
    if (begin == std::string_view::npos || begin == 0) return {};
    const std::string_view rule = message.substr(begin + 1, message.size() - begin - 2);
    if (rule.empty() || rule.find(' ') != std::string_view::npos) return {};
    message = text::trim(message.substr(0, begin));
    return rule;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text = text::trim(text.substr(prefix.size()));
    return true;
}

class TextFindings final : public FindingParser::Format {
public:
    TextFindings(FindingFormat format, std::string tool, FindingList& into)
        : format_(format), tool_(std::move(tool)), into_(into) {}

    Result<> feed(std::string_view bytes) override {
        if ((bytes_ += bytes.size()) > k_max_bytes)
            return error(Code::too_large, "bad_findings", "more than 512 MiB");
        splitter_.feed(bytes, [this](std::string_view line) { take(line); });
        return {};
    }
    Result<> finish() override {
        splitter_.finish([this](std::string_view line) { take(line); });
        return {};
    }

private:
    void take(std::string_view line) {
        const auto place = place_of(line, format_ == FindingFormat::mypy ? 4 : 2);
        if (!place) return;
        Finding finding;
        finding.tool = tool_;
        finding.file = place->file;
        finding.line = place->numbers[0];
        if (place->count > 1) finding.column = place->numbers[1];
        std::string_view message = place->rest;
        bool known = false;
        switch (format_) {
            case FindingFormat::flake8: known = flake8(message, finding); break;
            case FindingFormat::yamllint: known = yamllint(message, finding); break;
            case FindingFormat::mypy: known = mypy(*place, message, finding); break;
            default: known = gnu(message, finding); break;
        }
        if (!known) return;
        finding.message = message;
        into_.add(std::move(finding));
    }

    /// `warning: text [rule]`. Notes only explain the line above them.
    static bool severity(std::string_view& message, Finding& finding) {
        if (take_prefix(message, "fatal error:") || take_prefix(message, "error:"))
            finding.severity = Severity::error;
        else if (take_prefix(message, "warning:"))
            finding.severity = Severity::warning;
        else if (take_prefix(message, "remark:"))
            finding.severity = Severity::note;
        else
            return false;
        return true;
    }

    bool gnu(std::string_view& message, Finding& finding) const {
        if (!severity(message, finding)) return false;
        std::string_view rule = cut_rule(message, '[', ']');
        // `[bugprone-x,-warnings-as-errors]` says only how it was configured.
        if (const std::size_t as = rule.find(",-warnings-as-errors"); as != std::string_view::npos)
            rule = rule.substr(0, as);
        finding.rule = rule;
        if (format_ == FindingFormat::clang_format) {
            finding.rule = "format";
            finding.severity = Severity::warning;  // `-Werror` is how we ask for an exit code
        }
        return true;
    }

    /// `file:12:5:12:9: error: text  [rule]`, columns of the end are inclusive.
    static bool mypy(const Place& place, std::string_view& message, Finding& finding) {
        if (!severity(message, finding)) return false;
        finding.rule = cut_rule(message, '[', ']');
        if (place.count == 4) {
            finding.end_line = place.numbers[2];
            finding.end_column = place.numbers[3] + 1;
        }
        return true;
    }

    /// `E501 line too long`: pycodestyle's E9, pyflakes' F and what plugins call an error.
    static bool flake8(std::string_view& message, Finding& finding) {
        const std::size_t space = message.find(' ');
        if (space == std::string_view::npos || space < 2) return false;
        finding.rule = message.substr(0, space);
        const bool is_code =
            finding.rule[0] >= 'A' && finding.rule[0] <= 'Z' && is_digit(finding.rule.back());
        if (!is_code) return false;
        message = text::trim(message.substr(space));
        finding.severity = finding.rule.starts_with("E9") || finding.rule.starts_with("F8") ||
                                   finding.rule.starts_with("F7")
                               ? Severity::error
                               : Severity::warning;
        return true;
    }

    /// `[error] too many spaces (braces)`
    static bool yamllint(std::string_view& message, Finding& finding) {
        if (take_prefix(message, "[error]"))
            finding.severity = Severity::error;
        else if (take_prefix(message, "[warning]"))
            finding.severity = Severity::warning;
        else
            return false;
        finding.rule = cut_rule(message, '(', ')');
        return true;
    }

    FindingFormat format_;
    std::string tool_;
    FindingList& into_;
    LineSplitter splitter_;
    std::size_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<FindingParser::Format> make_text_findings(FindingFormat format, std::string tool,
                                                          FindingList& into) {
    return std::make_unique<TextFindings>(format, std::move(tool), into);
}

}  // namespace sluice::reports
