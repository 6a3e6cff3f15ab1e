// The language of `rules: if` and of `only: variables`.
#include "pipelines/import/gitlab_rules.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::importer::gitlab {

namespace {

constexpr int k_max_depth = 32;

Error refuse(std::string message) {
    return error(Code::invalid, "not_translated", std::move(message));
}

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
    return out + "'";
}

/// A variable as an expression here, and how to ask whether it is set.
struct Known {
    std::string text;  ///< "" = only `set` is known
    std::string set;
};

std::optional<Known> known(const std::string& name) {
    static const std::map<std::string, Known> names{
        {"CI_COMMIT_BRANCH", {"branch", "(branch != null)"}},
        {"CI_COMMIT_TAG", {"tag", "(tag != null)"}},
        {"CI_COMMIT_REF_NAME", {"(branch ?? tag)", "true"}},
        {"CI_COMMIT_SHA", {"sha", "true"}},
        {"CI_DEFAULT_BRANCH", {"default_branch", "true"}},
        {"CI_COMMIT_MESSAGE", {"commit.message", "(commit.message != '')"}},
        {"CI_COMMIT_TITLE", {"commit.message", "(commit.message != '')"}},
        {"CI_COMMIT_AUTHOR", {"commit.author", "true"}},
        {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME", {"target_branch", "(event == 'pull_request')"}},
        {"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", {"pr.source_branch", "(event == 'pull_request')"}},
        {"CI_MERGE_REQUEST_TITLE", {"pr.title", "(event == 'pull_request')"}},
        {"CI_MERGE_REQUEST_IID", {"", "(event == 'pull_request')"}},
        {"CI_MERGE_REQUEST_ID", {"", "(event == 'pull_request')"}},
        // One run per change is the rule here: there is no second pipeline to avoid.
        {"CI_OPEN_MERGE_REQUESTS", {"", "false"}},
        {"CI_PIPELINE_SOURCE", {"event", "true"}},
    };
    const auto found = names.find(name);
    if (found == names.end()) return std::nullopt;
    return found->second;
}

class Translator {
public:
    Translator(std::string_view text, const std::map<std::string, std::string>& variables)
        : rest_(text), variables_(variables) {}

    Result<std::string> whole() {
        SLUICE_TRY(std::string text, any_of(0));
        if (!peek().empty())
            return refuse(fmt::format("`{}` was not expected", peek().substr(0, 20)));
        return text;
    }

private:
    std::string_view peek() {
        rest_ = text::trim(rest_);
        return rest_;
    }
    bool symbol(std::string_view what) {
        if (!peek().starts_with(what)) return false;
        rest_.remove_prefix(what.size());
        return true;
    }

    Result<std::string> joined(int depth, bool any) {
        if (depth > k_max_depth) return refuse("it is nested too deep");
        std::vector<std::string> parts;
        do {
            SLUICE_TRY(std::string next, any ? joined(depth + 1, false) : test(depth + 1));
            parts.push_back(std::move(next));
        } while (symbol(any ? "||" : "&&"));
        if (parts.size() == 1) return parts[0];
        std::string text;
        for (const std::string& part : parts)
            text += (text.empty() ? "" : any ? " || " : " && ") + part;
        return "(" + text + ")";
    }
    Result<std::string> any_of(int depth) { return joined(depth, true); }

    Result<std::string> test(int depth) {
        if (symbol("(")) {
            SLUICE_TRY(std::string inner, any_of(depth + 1));
            if (!symbol(")")) return refuse("a bracket is not closed");
            return inner;
        }
        const bool swapped = peek().starts_with('"') || peek().starts_with('\'');
        std::string constant, name;
        if (swapped) {
            SLUICE_TRY(constant, string());
        } else {
            SLUICE_TRY(name, variable());
        }
        if (symbol("=~")) return match(name, false);
        if (symbol("!~")) return match(name, true);
        const bool equal = symbol("==");
        if (!equal && !symbol("!=")) return swapped ? refuse("a text alone") : set(name);
        if (swapped) {
            SLUICE_TRY(name, variable());
        } else if (symbol("null")) {
            SLUICE_TRY(std::string is_set, set(name));
            return equal ? "(not " + is_set + ")" : is_set;
        } else if (peek().starts_with('$')) {
            SLUICE_TRY(std::string other, variable());
            return two_variables(name, other, equal);
        } else {
            SLUICE_TRY(constant, string());
        }
        return comparison(name, constant, equal);
    }

    Result<std::string> variable() {
        if (!symbol("$")) return refuse(fmt::format("`{}` was not expected", peek().substr(0, 20)));
        const bool braces = symbol("{");
        std::size_t end = 0;
        while (end < rest_.size() &&
               (rest_[end] == '_' || (rest_[end] >= '0' && rest_[end] <= '9') ||
                (rest_[end] >= 'A' && rest_[end] <= 'Z') ||
                (rest_[end] >= 'a' && rest_[end] <= 'z')))
            ++end;
        std::string name(rest_.substr(0, end));
        rest_.remove_prefix(end);
        if (name.empty() || (braces && !symbol("}"))) return refuse("a variable has no name");
        return name;
    }

    Result<std::string> string() {
        const char quote = peek().empty() ? ' ' : peek()[0];
        const std::size_t end =
            quote == '"' || quote == '\'' ? rest_.find(quote, 1) : std::string_view::npos;
        if (end == std::string_view::npos) return refuse("a text was expected");
        std::string value(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        if (value.find('$') != std::string::npos) return refuse("a variable inside of a text");
        return value;
    }

    Result<std::string> set(const std::string& name) const {
        if (auto found = known(name)) return found->set;
        if (auto own = variables_.find(name); own != variables_.end())
            return own->second.empty() ? "false" : "true";
        return refuse(fmt::format("`${}` has no counterpart here", name));
    }

    Result<std::string> comparison(const std::string& name, const std::string& constant,
                                   bool equal) const {
        const auto done = [&](const std::string& text) {
            return equal ? text : "(not " + text + ")";
        };
        if (name == "CI_PIPELINE_SOURCE") {
            static const std::map<std::string, std::string> events{
                {"push", "(event in ['push', 'tag'])"},
                {"merge_request_event", "(event == 'pull_request')"},
                {"schedule", "(event == 'schedule')"},
                {"web", "(event == 'manual')"},
                {"api", "(event == 'manual')"},
                {"trigger", "false"},
                {"pipeline", "false"},
                {"parent_pipeline", "false"},
                {"external_pull_request_event", "false"},
                {"chat", "false"},
                {"ondemand_dast_scan", "false"}};
            const auto found = events.find(constant);
            if (found == events.end())
                return refuse(fmt::format("there is no event like `{}`", constant));
            return done(found->second);
        }
        if (auto own = variables_.find(name); own != variables_.end())
            return (own->second == constant) == equal ? "true" : "false";
        auto found = known(name);
        if (!found || found->text.empty())
            return refuse(fmt::format("`${}` has no counterpart here", name));
        if (constant.empty()) {
            return equal ? "(not " + found->set + ")" : found->set;
        }
        return fmt::format("({} {} {})", found->text, equal ? "==" : "!=", quoted(constant));
    }

    Result<std::string> two_variables(const std::string& left, const std::string& right,
                                      bool equal) const {
        auto a = known(left), b = known(right);
        if (!b || b->text.empty())
            if (auto own = variables_.find(right); own != variables_.end())
                return comparison(left, own->second, equal);
        if (!a || !b || a->text.empty() || b->text.empty() || a->text == "event" ||
            b->text == "event")
            return refuse(fmt::format("`${}` and `${}` cannot be compared here", left, right));
        return fmt::format("({} {} {})", a->text, equal ? "==" : "!=", b->text);
    }

    /// `/^v/`, `/^(a|b)$/` and the like: what starts_with, ends_with, contains and `in` can say.
    Result<std::string> match(const std::string& name, bool negated) {
        if (!peek().starts_with('/')) return refuse("a pattern that is not written out");
        std::size_t end = 1;
        while (end < rest_.size() && rest_[end] != '/') end += rest_[end] == '\\' ? 2 : 1;
        if (end >= rest_.size()) return refuse("a pattern is not closed");
        std::string pattern(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        if (rest_.starts_with('i')) return refuse("a pattern that ignores case");
        auto found = known(name);
        if (!found || found->text.empty() || found->text == "event")
            return refuse(fmt::format("`${}` has no counterpart here", name));
        SLUICE_TRY(std::string text, pattern_test(found->text, pattern));
        return negated ? "(not " + text + ")" : text;
    }

    static Result<std::string> pattern_test(const std::string& what, std::string pattern) {
        const bool from_start = pattern.starts_with('^');
        if (from_start) pattern.erase(0, 1);
        bool to_end = pattern.ends_with('$') && !pattern.ends_with("\\$");
        if (to_end) pattern.pop_back();
        const bool nullable =
            !what.starts_with("commit.") && what != "sha" && what != "default_branch";
        const std::string text = nullable ? "(" + what + " ?? '')" : what;
        if (pattern.starts_with('(') && pattern.ends_with(')') && from_start && to_end) {
            std::string list;
            for (const std::string& part :
                 text::split(pattern.substr(1, pattern.size() - 2), '|')) {
                SLUICE_TRY(std::string plain, literal(part));
                list += (list.empty() ? "" : ", ") + quoted(plain);
            }
            return fmt::format("({} in [{}])", text, list);
        }
        // An open end says the same as no end at all.
        if (!to_end && pattern.ends_with(".*")) pattern.resize(pattern.size() - 2);
        if (to_end && pattern.ends_with(".*") && !pattern.ends_with("\\.*")) {
            pattern.resize(pattern.size() - 2);
            to_end = false;
        }
        // A version, the usual test of a tag.
        if (from_start &&
            (pattern == "v\\d+\\.\\d+\\.\\d+" || pattern == "v[0-9]+\\.[0-9]+\\.[0-9]+" ||
             pattern == "v?\\d+\\.\\d+\\.\\d+" || pattern == "\\d+\\.\\d+\\.\\d+"))
            return refuse("a pattern of versions; `glob(tag ?? '', 'v[0-9]*')` comes near");
        SLUICE_TRY(std::string plain, literal(pattern));
        if (plain.empty()) return std::string("true");
        const char* function = from_start && to_end ? ""
                               : from_start         ? "starts_with"
                               : to_end             ? "ends_with"
                                                    : "contains";
        if (*function == '\0') return fmt::format("({} == {})", what, quoted(plain));
        return fmt::format("{}({}, {})", function, text, quoted(plain));
    }

    static Result<std::string> literal(std::string_view pattern) {
        std::string out;
        for (std::size_t i = 0; i < pattern.size(); ++i) {
            char c = pattern[i];
            if (c == '\\' && i + 1 < pattern.size() &&
                std::string_view("/.-_[]()").find(pattern[i + 1]) != std::string_view::npos)
                c = pattern[++i];
            else if (std::string_view("\\.*+?()[]{}|^$").find(c) != std::string_view::npos)
                return refuse(
                    "there are no regular expressions here; `glob(text, pattern)` may do");
            out += c;
        }
        return out;
    }

    std::string_view rest_;
    const std::map<std::string, std::string>& variables_;
};

}  // namespace

Result<std::string> condition(std::string_view text,
                              const std::map<std::string, std::string>& variables) {
    return Translator(text, variables).whole();
}

}  // namespace sluice::importer::gitlab
