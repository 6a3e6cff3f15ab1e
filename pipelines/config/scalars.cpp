/// What a scalar of each type must look like; used on literal values by the checker and on
/// evaluated ones by the planner.
#include "pipelines/base/text.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/config/node.hpp"
#include "pipelines/config/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sluice::config {
namespace {

using Maybe = std::optional<Complaint>;

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_word(char c) {
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string quoted(std::string_view text) {
    return fmt::format("`{}`", shown(text));
}

Maybe mismatch(std::string_view text, std::string_view wanted, std::string hint = {}) {
    return Complaint{"type_mismatch", fmt::format("{} is not {}", quoted(text), wanted),
                     std::move(hint)};
}

Maybe integer(std::string_view text, int min, int max) {
    int value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec == std::errc{} && end == text.data() + text.size() && value >= min && value <= max)
        return {};
    return mismatch(text, fmt::format("a whole number from {} to {}", min, max),
                    "digits only: no `_`, `0x` or `e`");
}

Maybe boolean(std::string_view text) {
    if (text == "true" || text == "false") return {};
    std::string hint = "write `true` or `false`";
    for (const std::string_view yes : {"yes", "on", "y", "True", "TRUE", "1"})
        if (text == yes) hint = "write `true`";
    for (const std::string_view no : {"no", "off", "n", "False", "FALSE", "0"})
        if (text == no) hint = "write `false`";
    return mismatch(text, "true or false", std::move(hint));
}

Maybe length(std::string_view text, std::size_t max, std::string_view what) {
    if (text.size() <= max) return {};
    return Complaint{"too_long", fmt::format("{} has {} bytes, at most {}", what, text.size(), max),
                     ""};
}

Maybe line(std::string_view text) {
    if (text.empty()) return Complaint{"type_mismatch", "the text is empty", ""};
    if (text.find_first_of("\n\r") != std::string_view::npos)
        return Complaint{"type_mismatch", "the text has more than one line",
                         "write it on one line"};
    return length(text, 200, "the text");
}

Maybe glob(std::string_view text) {
    std::string_view pattern = text;
    if (pattern.starts_with('!')) pattern.remove_prefix(1);
    if (pattern.empty())
        return Complaint{"bad_glob", "the pattern is empty", "`**` matches everything"};
    return length(text, 512, "the pattern");
}

Maybe path(std::string_view text) {
    if (auto complaint = glob(text)) return complaint;
    std::string_view inside = text;
    if (inside.starts_with('!')) inside.remove_prefix(1);
    const auto parts = text::split(inside, '/');
    const bool up = std::find(parts.begin(), parts.end(), "..") != parts.end();
    if (inside.starts_with('/') || inside.starts_with('~') || up)
        return Complaint{"path_outside_workspace",
                         fmt::format("{} leads out of the workspace", quoted(text)),
                         "paths are relative to the workspace, without `..` and `~`"};
    return {};
}

Maybe label(std::string_view text) {
    const bool fits =
        !text.empty() && text.size() <= 128 && is_word(text[0]) &&
        std::all_of(text.begin(), text.end(), [](char c) {
            return is_word(c) || c == '-' || c == '.' || c == '=' || c == '/' || c == ':';
        });
    if (fits) return {};
    return Complaint{"bad_label", fmt::format("{} is not a label", quoted(text)),
                     "letters, digits and `_ - . = / :`, e.g. `gpu` or `zone=eu`"};
}

/// `[host[:port]/]path[:tag][@sha256:…]`
Maybe image(std::string_view text) {
    if (text == "none") return {};
    const auto bad = [&](std::string_view why) {
        return Complaint{"bad_image",
                         fmt::format("{} is not an image reference: {}", quoted(text), why),
                         "e.g. `python:3.12` or `registry.example/team/app@sha256:…`"};
    };
    if (text.empty() || text.size() > 512) return bad("it has 1 to 512 characters");
    std::string_view rest = text;
    if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
        const std::string_view digest = rest.substr(at + 1);
        const bool right = digest.size() == 71 && digest.starts_with("sha256:") &&
                           text::is_commit_id(digest.substr(7));
        if (!right) return bad("a digest is `sha256:` and 64 hex digits");
        rest = rest.substr(0, at);
    }
    const std::size_t slash = rest.find('/');
    if (slash != std::string_view::npos) {
        const std::string_view host = rest.substr(0, slash);
        const std::size_t colon = host.find(':');
        if (colon != std::string_view::npos) {
            if (integer(host.substr(colon + 1), 1, 65535)) return bad("the port is 1 to 65535");
            if (colon == 0) return bad("the host is missing");
            rest = rest.substr(slash + 1);
        }
    }
    const std::size_t tag_colon =
        rest.find(':', rest.rfind('/') == std::string_view::npos ? 0 : rest.rfind('/'));
    if (tag_colon != std::string_view::npos) {
        const std::string_view tag = rest.substr(tag_colon + 1);
        const bool right = !tag.empty() && tag.size() <= 128 && is_word(tag[0]) &&
                           std::all_of(tag.begin(), tag.end(),
                                       [](char c) { return is_word(c) || c == '.' || c == '-'; });
        if (!right) return bad("a tag is letters, digits and `_ . -`");
        rest = rest.substr(0, tag_colon);
    }
    for (const std::string& part : text::split(rest, '/')) {
        const bool right =
            !part.empty() && (is_lower(part[0]) || is_digit(part[0])) &&
            std::all_of(part.begin(), part.end(), [](char c) {
                return is_lower(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
            });
        if (!right) return bad("names are lower-case letters, digits and `. _ -`");
    }
    return {};
}

Maybe choice(std::string_view text, std::string_view choices) {
    const auto known = text::split(choices, ' ');
    if (std::find(known.begin(), known.end(), text) != known.end()) return {};
    std::string hint;
    if (text == "manual")
        hint =
            "a person's agreement will be `approval: true`, which is not supported yet by this "
            "version";
    if (text == "on_failure") hint = "write `failure`";
    if (text == "on_success") hint = "write `success`";
    if (hint.empty()) {
        if (auto near = text::nearest(text, known)) hint = fmt::format("did you mean `{}`?", *near);
    }
    return mismatch(text, fmt::format("one of {}", choices), std::move(hint));
}

Maybe job_id(std::string_view text) {
    if (is_job_id(text)) return {};
    return Complaint{"bad_name", fmt::format("{} is not a job id", quoted(text)),
                     "a lower-case letter, then up to 62 lower-case letters, digits, `_` and `-`"};
}

}  // namespace

bool is_job_id(std::string_view text) {
    return !text.empty() && text.size() <= 63 && is_lower(text[0]) &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-'; });
}

std::optional<Complaint> check_scalar(Scalar type, std::string_view text,
                                      std::string_view choices) {
    switch (type) {
        case Scalar::none: return mismatch(text, "allowed here");
        case Scalar::version:
            if (text == "1") return {};
            return Complaint{
                "bad_version",
                fmt::format("{} is not a language version of this server", quoted(text)),
                "write `version: 1`"};
        case Scalar::line: return line(text);
        case Scalar::script: return length(text, 64 * 1024, "the script");
        case Scalar::boolean: return boolean(text);
        case Scalar::count: return integer(text, 0, 1000);
        case Scalar::exit_code: return integer(text, 1, 255);
        case Scalar::duration: {
            const auto parsed = parse_duration(text);
            if (parsed) return {};
            return Complaint{parsed.error().id, parsed.error().message, ""};
        }
        case Scalar::condition: return {};  // parsed and typed where its contexts are known
        case Scalar::glob: return glob(text);
        case Scalar::path: return path(text);
        case Scalar::job_id: return job_id(text);
        case Scalar::template_id: return job_id(text.starts_with('.') ? text.substr(1) : text);
        case Scalar::label: return label(text);
        case Scalar::image: return image(text);
        case Scalar::choice: return choice(text, choices);
        case Scalar::value: return length(text, 32 * 1024, "the value");
    }
    return {};
}

std::string_view scalar_name(Scalar type) {
    switch (type) {
        case Scalar::none: return "nothing";
        case Scalar::version: return "a version";
        case Scalar::line: return "a text";
        case Scalar::script: return "a script";
        case Scalar::boolean: return "true or false";
        case Scalar::count: return "a whole number";
        case Scalar::exit_code: return "an exit code";
        case Scalar::duration: return "a duration";
        case Scalar::condition: return "an expression";
        case Scalar::glob: return "a glob";
        case Scalar::path: return "a path";
        case Scalar::job_id: return "a job id";
        case Scalar::template_id: return "a job or template id";
        case Scalar::label: return "a label";
        case Scalar::image: return "an image";
        case Scalar::choice: return "a word";
        case Scalar::value: return "a value";
    }
    return "?";
}

std::optional<Complaint> check_env_name(std::string_view name) {
    const auto forbidden = [&](std::string_view why, std::string_view hint) {
        return Complaint{"env_forbidden",
                         fmt::format("environment variable {} {}", quoted(name), why),
                         std::string(hint)};
    };
    const bool fits = !name.empty() && name.size() <= 255 && !is_digit(name[0]) &&
                      std::all_of(name.begin(), name.end(), is_word);
    if (!fits)
        return forbidden("has no valid name", "letters, digits and `_`, not starting with a digit");
    std::string upper(name);
    for (char& c : upper)
        if (is_lower(c)) c = static_cast<char>(c - 'a' + 'A');
    if (upper == "CI" || upper.starts_with("CI_"))
        return forbidden("belongs to Sluice", "names that start with CI_ cannot be set");
    for (const std::string_view loader : {"LD_PRELOAD", "LD_AUDIT", "BASH_ENV"})
        if (upper == loader)
            return forbidden("would change every program of the job",
                             "set it inside `run` where it is needed");
    return {};
}

}  // namespace sluice::config
