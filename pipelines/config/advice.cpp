#include "pipelines/config/advice.hpp"

#include "pipelines/base/quantity.hpp"
#include "pipelines/base/text.hpp"
#include "pipelines/base/time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::config {
namespace {

struct Word {
    std::string_view theirs, ours;
};

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

/// The number that the text begins with, and the rest without blanks.
struct Parts {
    std::string_view number;
    std::string rest;
};

Parts split_number(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || text[end] == '.')) ++end;
    std::string rest;
    for (const char c : text.substr(end))
        if (c != ' ') rest += c;
    return {text.substr(0, end), rest};
}

constexpr std::array k_units = {
    Word{"s", "s"},       Word{"sec", "s"},    Word{"secs", "s"},  Word{"second", "s"},
    Word{"seconds", "s"}, Word{"min", "m"},    Word{"mins", "m"},  Word{"minute", "m"},
    Word{"minutes", "m"}, Word{"m", "m"},      Word{"h", "h"},     Word{"hr", "h"},
    Word{"hrs", "h"},     Word{"hour", "h"},   Word{"hours", "h"}, Word{"d", "d"},
    Word{"day", "d"},     Word{"days", "d"},   Word{"w", "w"},     Word{"week", "w"},
    Word{"weeks", "w"},   Word{"millis", "ms"}};

std::string_view unit_of(std::string_view word) {
    for (const Word& unit : k_units)
        if (unit.theirs == word) return unit.ours;
    return {};
}

std::string as_duration(std::string_view number, std::string_view unit) {
    const std::string text = fmt::format("{}{}", number, unit);
    if (parse_duration(text)) return text;
    // `1.5h`: in milliseconds, then in units that fall.
    const auto value = parse_decimal(number);
    const auto one = parse_duration(fmt::format("1{}", unit));
    if (!value || !one || *value <= 0 || *value > 9000) return {};
    const auto ms = static_cast<std::int64_t>(*value * static_cast<double>(one->count()));
    const std::string exact = format_duration(Duration{ms});
    return parse_duration(exact) ? exact : std::string{};
}

}  // namespace

std::string advise_duration(std::string_view text) {
    const Parts parts = split_number(text);
    if (!parts.number.empty() && parts.rest.empty() && parse_duration(std::string(text) + "s"))
        return fmt::format("write `{0}s`, `{0}m` or `{0}h`", parts.number);
    if (const auto unit = unit_of(lower(parts.rest)); !parts.number.empty() && !unit.empty())
        if (const std::string right = as_duration(parts.number, unit); !right.empty())
            return fmt::format("write `{}`", right);
    std::string together;
    for (const char c : lower(text))
        if (c != ' ') together += c;
    if (parse_duration(together)) return fmt::format("write `{}`", together);
    return "write e.g. `90s`, `20m` or `1h30m`: more than zero, at most `366d`";
}

std::string advise_size(std::string_view text) {
    const Parts parts = split_number(text);
    if (parts.number.empty()) return "e.g. `8Gi` or `500M`";
    if (parts.rest.empty()) return fmt::format("write `{0}Gi` or `{0}Mi`", parts.number);
    const char letter = static_cast<char>(lower(parts.rest)[0] - 'a' + 'A');
    if (std::string_view("KMGT").find(letter) == std::string_view::npos)
        return "e.g. `8Gi` or `500M`";
    return fmt::format("write `{0}{1}` (powers of 1000) or `{0}{1}i` (of 1024)", parts.number,
                       letter);
}

std::string advise_choice(std::string_view text, std::string_view choices) {
    constexpr std::array k_words = {Word{"int", "number"},
                                    Word{"integer", "number"},
                                    Word{"float", "number"},
                                    Word{"bool", "boolean"},
                                    Word{"str", "string"},
                                    Word{"text", "string"},
                                    Word{"enum", "choice"},
                                    Word{"select", "choice"},
                                    Word{"array", "list"},
                                    Word{"folder", "dir"},
                                    Word{"directory", "dir"},
                                    Word{"max", "maximize"},
                                    Word{"maximise", "maximize"},
                                    Word{"min", "minimize"},
                                    Word{"minimise", "minimize"},
                                    Word{"on_failure", "failure"},
                                    Word{"failed", "failure"},
                                    Word{"on_success", "success"},
                                    Word{"passed", "success"},
                                    Word{"cancel", "cancel_running"},
                                    Word{"replace", "cancel_running"},
                                    Word{"ifnotpresent", "missing"},
                                    Word{"if-not-present", "missing"},
                                    Word{"zsh", "bash"},
                                    Word{"dash", "sh"},
                                    Word{"python3", "python"},
                                    Word{"0", "full"},
                                    Word{"all", "full"}};
    const auto known = text::split(choices, ' ');
    const std::string word = lower(text);
    const auto has = [&](std::string_view one) {
        return std::find(known.begin(), known.end(), one) != known.end();
    };
    if (has(word)) return word;
    for (const Word& row : k_words)
        if (row.theirs == word && has(row.ours)) return std::string(row.ours);
    return {};
}

std::string advise_action(std::string_view uses) {
    constexpr std::array k_actions = {
        Word{"actions/checkout", "remove it: the commit is checked out before the first step"},
        Word{"actions/setup-", "choose an image that has it: `image: python:3.12`"},
        Word{"actions/upload-artifact", "name the files in the job: `artifacts: [\"out/**\"]`"},
        Word{"actions/download-artifact",
             "files of another job come by `outputs` there and `inputs` here"},
        Word{"actions/cache", "name the files in the job: `cache: [{ key: …, paths: […] }]`"},
        Word{"docker/", "a step builds with the commands in `run`"},
    };
    for (const Word& row : k_actions)
        if (uses.starts_with(row.theirs)) return std::string(row.ours);
    return "actions of GitHub do not run here: write the commands in `run`, or a fragment "
           "`./.ci/lib/x.yml`; another repository is "
           "`git+https://host/repository//path.yml@` and a full commit id";
}

}  // namespace sluice::config
