/// What a scalar of each type must look like; used on literal values by the checker and on
/// evaluated ones by the planner.
#include "pipelines/base/quantity.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/base/time.hpp"
#include "pipelines/config/advice.hpp"
#include "pipelines/config/node.hpp"
#include "pipelines/config/schema.hpp"
#include "pipelines/schedule/cron.hpp"

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
    const bool is_digits = !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
    const bool is_negative = text.starts_with('-');
    return mismatch(text, fmt::format("a whole number from {} to {}", min, max),
                    is_digits || is_negative ? fmt::format("choose one from {} to {}", min, max)
                                             : "digits only: no `_`, `0x` or `e`");
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
    if (text == "manual") hint = "a person's agreement is `approval: true`";
    if (const std::string ours = advise_choice(text, choices); hint.empty() && !ours.empty())
        hint = fmt::format("write `{}`", ours);
    if (hint.empty()) {
        if (auto near = text::nearest(text, known)) hint = fmt::format("did you mean `{}`?", *near);
    }
    const bool is_one = choices.find(' ') == std::string_view::npos;
    return mismatch(text, is_one ? fmt::format("`{}`", choices) : fmt::format("one of {}", choices),
                    std::move(hint));
}

/// What a parser of base/ refused.
template <class T>
Maybe refused(const Result<T>& parsed, std::string hint = {}) {
    if (parsed) return {};
    std::string message = parsed.error().message;
    // Advice is for the hint, which is more exact than the parser's own.
    for (const std::string_view advice : {"; write e.g. ", ", e.g. "})
        if (const std::size_t at = message.find(advice); at != std::string::npos) {
            if (hint.empty()) hint = message.substr(at + 2);
            message.resize(at);
        }
    return Complaint{parsed.error().id, std::move(message), std::move(hint)};
}

Maybe duration(std::string_view text) {
    auto complaint = refused(parse_duration(text));
    if (complaint) complaint->hint = advise_duration(text);
    return complaint;
}

Maybe size(std::string_view text) {
    auto complaint = refused(parse_size(text));
    if (complaint) complaint->hint = advise_size(text);
    return complaint;
}

/// A day that no month of the expression has.
bool never_comes(const schedule::Cron& cron) {
    if (cron.any_day || !cron.any_weekday) return false;
    constexpr int k_days[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (std::size_t month = 1; month <= 12; ++month)
        for (int day = 1; cron.months[month] && day <= k_days[month]; ++day)
            if (cron.days[static_cast<std::size_t>(day)]) return false;
    return true;
}

Maybe cron(std::string_view text) {
    const auto parsed = schedule::parse_cron(text);
    if (parsed && never_comes(*parsed))
        return Complaint{"cron_never", fmt::format("{} never comes: no such day", quoted(text)),
                         "e.g. `\"0 2 28 2 *\"`: on 28 February"};
    std::string hint = "e.g. `\"0 2 * * *\"`: every day at 02:00";
    if (text == "@midnight") hint = "write `\"@daily\"`";
    if (text == "@yearly" || text == "@annually") hint = "write `\"0 0 1 1 *\"`";
    return refused(parsed, std::move(hint));
}

Maybe amount(std::string_view text) {
    if (text.ends_with('%')) return refused(parse_percent(text));
    if (parse_decimal(text)) return {};
    return mismatch(text, "a number or a percentage", "e.g. `0.8` or `10%`");
}

Maybe name(std::string_view text) {
    const bool fits = !text.empty() && text.size() <= 128 && is_word(text[0]) &&
                      std::all_of(text.begin(), text.end(),
                                  [](char c) { return is_word(c) || c == '-' || c == '.'; });
    if (fits) return {};
    return Complaint{"bad_name", fmt::format("{} is not a name", quoted(text)),
                     "letters, digits and `_ - .`, at most 128"};
}

/// `a/b/c`, each part a name.
bool is_name_path(std::string_view text) {
    const auto parts = text::split(text, '/');
    return std::none_of(parts.begin(), parts.end(),
                        [](const std::string& part) { return name(part).has_value(); });
}

Maybe secret(std::string_view text) {
    if (is_name_path(text)) return {};
    return Complaint{"bad_secret", fmt::format("{} does not name a secret", quoted(text)),
                     "a path and a name, e.g. `registry/token`; never the secret itself"};
}

Maybe dataset(std::string_view text) {
    constexpr std::string_view k_scheme = "dataset://";
    if (text.starts_with(k_scheme) && is_name_path(text.substr(k_scheme.size()))) return {};
    return Complaint{"bad_reference", fmt::format("{} is not a dataset", quoted(text)),
                     "e.g. `dataset://churn`"};
}

/// V of `dataset://NAME@V`: a number, a digest or an alias.
bool is_version(std::string_view text) {
    if (text.starts_with("sha256:")) return text.size() == 71 && text::is_commit_id(text.substr(7));
    return !name(text);
}

Maybe data(std::string_view text) {
    for (const std::string_view scheme : {"dataset://", "model://"}) {
        if (!text.starts_with(scheme)) continue;
        const std::string_view rest = text.substr(scheme.size());
        const std::size_t at = rest.find('@');
        if (at != std::string_view::npos && is_name_path(rest.substr(0, at)) &&
            is_version(rest.substr(at + 1)))
            return {};
        return Complaint{"bad_reference",
                         fmt::format("{} is not a reference to data", quoted(text)),
                         fmt::format("name and version, e.g. `{}churn@latest`", scheme)};
    }
    const std::size_t dot = text.find('.');
    std::string_view job = text.substr(0, dot);
    std::string_view output = dot == std::string_view::npos ? "" : text.substr(dot + 1);
    if (job.ends_with("[*]")) job.remove_suffix(3);
    if (output.starts_with("best.")) output.remove_prefix(5);
    if (is_job_path(job) && !output.empty() && !name(output) &&
        output.find('.') == std::string_view::npos)
        return {};
    return Complaint{
        "bad_reference", fmt::format("{} is not a reference to data", quoted(text)),
        is_job_id(text)
            ? fmt::format("name one of the job's `outputs`: `{}.NAME`", text)
            : "e.g. `dataset://churn@latest`, `model://churn@champion` or `train.model`"};
}

Maybe fragment(std::string_view text) {
    constexpr std::string_view k_git = "git+https://";
    if (text.starts_with("./")) {
        const bool fits = text.ends_with(".yml") && !path(text.substr(2));
        if (fits) return {};
        return Complaint{"bad_fragment", fmt::format("{} is not a fragment", quoted(text)),
                         "a file of this repository that ends in .yml, e.g. `./.ci/lib/build.yml`"};
    }
    if (text.starts_with(k_git)) {
        const std::string_view rest = text.substr(k_git.size());
        const std::size_t file = rest.find("//"), at = rest.rfind('@');
        const bool has_parts = file != std::string_view::npos && at != std::string_view::npos &&
                               file > 0 && at > file + 2;
        if (has_parts && text::is_commit_id(rest.substr(at + 1)) &&
            !path(rest.substr(file + 2, at - file - 2)))
            return {};
        return Complaint{"bad_fragment",
                         fmt::format("{} does not say which file of which commit", quoted(text)),
                         "`git+https://host/repository//path.yml@` and the full commit id of 40 or "
                         "64 hex digits; a branch or tag may move"};
    }
    const bool is_action = text.find('@') != std::string_view::npos;
    if (is_action)
        return Complaint{"bad_fragment", fmt::format("{} is no fragment of Sluice", quoted(text)),
                         advise_action(text)};
    return Complaint{"bad_fragment", fmt::format("{} is not a fragment", quoted(text)),
                     "`./.ci/lib/x.yml`, or `git+https://host/repository//path.yml@` and a full "
                     "commit id"};
}

Maybe timezone(std::string_view text) {
    const bool fits = !text.empty() && text.size() <= 64 && is_word(text[0]) &&
                      std::all_of(text.begin(), text.end(), [](char c) {
                          return is_word(c) || c == '/' || c == '-' || c == '+';
                      });
    if (fits) return {};
    return Complaint{"bad_timezone", fmt::format("{} is not a time zone", quoted(text)),
                     "a name of the tz database, e.g. `Europe/Berlin`"};
}

Maybe job_id(std::string_view text) {
    if (is_job_id(text)) return {};
    std::string hint;
    if (text.starts_with('.')) hint = "a template never runs; name the job that extends it";
    if (text.find(" (") != std::string_view::npos)
        hint = "single cells are chosen by `{ job: id, matrix: { axis: value } }`";
    if (!hint.empty())
        return Complaint{"bad_name", fmt::format("{} is not a job id", quoted(text)), hint};
    return Complaint{"bad_name", fmt::format("{} is not a job id", quoted(text)),
                     "a lower-case letter, then up to 62 lower-case letters, digits, `_` and `-`"};
}

}  // namespace

bool is_job_id(std::string_view text) {
    return !text.empty() && text.size() <= 63 && is_lower(text[0]) &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-'; });
}

bool is_job_path(std::string_view text) {
    const auto parts = text::split(text, '/');
    return parts.size() <= 6 &&
           std::all_of(parts.begin(), parts.end(),
                       [](const std::string& part) { return is_job_id(part); });
}

std::optional<Complaint> check_name(Names names, std::string_view name) {
    switch (names) {
        case Names::variable: return check_env_name(name);
        case Names::word: {
            const bool fits = !name.empty() && name.size() <= 63 && is_lower(name[0]) &&
                              std::all_of(name.begin(), name.end(), [](char c) {
                                  return is_lower(c) || is_digit(c) || c == '_';
                              });
            if (fits) return {};
            return Complaint{"bad_name", fmt::format("{} is not a name", quoted(name)),
                             "a lower-case letter, then up to 62 lower-case letters, digits and "
                             "`_`"};
        }
        case Names::axis:
            if (!name.empty() && name.size() <= 64 &&
                std::all_of(name.begin(), name.end(),
                            [](char c) { return is_word(c) || c == '-'; }))
                return {};
            return Complaint{"bad_name", fmt::format("{} cannot name an axis", quoted(name)),
                             "letters, digits, `_` and `-`"};
        case Names::exit_code: return integer(name, 1, 255);
        case Names::any: return length(name, 256, "the name");
    }
    return {};
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
        case Scalar::positive: return integer(text, 1, 10'000);
        case Scalar::port: return integer(text, 1, 65535);
        case Scalar::number:
            if (parse_decimal(text)) return {};
            return mismatch(text, "a number");
        case Scalar::exit_code: return integer(text, 1, 255);
        case Scalar::duration: return duration(text);
        case Scalar::size: return size(text);
        case Scalar::cpu: return refused(parse_cpu(text));
        case Scalar::percent: return refused(parse_percent(text));
        case Scalar::amount: return amount(text);
        case Scalar::time: return refused(parse_time_of_day(text));
        case Scalar::cron: return cron(text);
        case Scalar::timezone: return timezone(text);
        case Scalar::condition: return {};  // parsed and typed where its contexts are known
        case Scalar::glob: return glob(text);
        case Scalar::path: return path(text);
        case Scalar::job_id: return job_id(text);
        case Scalar::template_id: return job_id(text.starts_with('.') ? text.substr(1) : text);
        case Scalar::name: return name(text);
        case Scalar::label: return label(text);
        case Scalar::image: return image(text);
        case Scalar::secret: return secret(text);
        case Scalar::data: return data(text);
        case Scalar::dataset: return dataset(text);
        case Scalar::fragment: return fragment(text);
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
        case Scalar::positive: return "a whole number above 0";
        case Scalar::port: return "a port";
        case Scalar::number: return "a number";
        case Scalar::exit_code: return "an exit code";
        case Scalar::duration: return "a duration";
        case Scalar::size: return "a size";
        case Scalar::cpu: return "a number of cores";
        case Scalar::percent: return "a percentage";
        case Scalar::amount: return "a number or percentage";
        case Scalar::time: return "a time of day";
        case Scalar::cron: return "a cron expression";
        case Scalar::timezone: return "a time zone";
        case Scalar::condition: return "an expression";
        case Scalar::glob: return "a glob";
        case Scalar::path: return "a path";
        case Scalar::job_id: return "a job id";
        case Scalar::template_id: return "a job or template id";
        case Scalar::name: return "a name";
        case Scalar::label: return "a label";
        case Scalar::image: return "an image";
        case Scalar::secret: return "a secret's name";
        case Scalar::data: return "a reference to data";
        case Scalar::dataset: return "a dataset";
        case Scalar::fragment: return "a fragment";
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
