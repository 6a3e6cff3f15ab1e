#include "pipelines/reports/threshold.hpp"

#include "pipelines/base/text.hpp"

#include <fmt/format.h>

#include <cmath>

namespace sluice::reports {
namespace {

using model::ThresholdResult;
using model::Verdict;

bool is_percentage(std::string_view metric) {
    return metric.starts_with("coverage.");
}

/// At most four digits behind the point, none that say nothing.
std::string shown(double value, std::string_view metric) {
    std::string out = fmt::format("{:.4f}", value);
    while (out.ends_with('0')) out.pop_back();
    if (out.ends_with('.')) out.pop_back();
    if (out == "-0") out = "0";
    return is_percentage(metric) ? out + "%" : out;
}

std::string shown(const model::Amount& limit, std::string_view metric) {
    return limit.percent ? fmt::format("{}%", shown(limit.value, "")) : shown(limit.value, metric);
}

/// `min` and `max`: in the unit of the metric.
double absolute(const model::Amount& limit, std::string_view metric) {
    return limit.percent && !is_percentage(metric) ? limit.value / 100 : limit.value;
}

double percentage(std::int64_t part, std::int64_t whole) {
    return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

class Evaluation {
public:
    Evaluation(const std::string& metric, double value) {
        result_.metric = metric;
        result_.value = value;
    }

    ThresholdResult at_least(const model::Amount& limit) {
        return bound(limit, *result_.value < absolute(limit, result_.metric), "minimum");
    }
    ThresholdResult at_most(const model::Amount& limit) {
        return bound(limit, *result_.value > absolute(limit, result_.metric), "maximum");
    }

    /// `sign` -1: a drop is worse; 1: a rise is.
    ThresholdResult change(const model::Amount& limit, int sign,
                           const std::optional<model::Amount>& ignore_below,
                           const std::optional<Metrics>& base) {
        const std::string_view word = sign < 0 ? "drop" : "rise";
        const auto before = base ? base->find(result_.metric) : Metrics::const_iterator{};
        if (!base || before == base->end()) {
            result_.verdict = Verdict::warned;
            result_.text = fmt::format("{} is {}; there is no base to measure its {} against",
                                       result_.metric, value(), word);
            return result_;
        }
        result_.base = before->second;
        const double worse = sign * (*result_.value - before->second);
        const auto of_base = [&](const model::Amount& amount) {
            return amount.percent ? std::abs(before->second) * amount.value / 100 : amount.value;
        };
        const double allowed = of_base(limit);
        const double noise = ignore_below ? of_base(*ignore_below) : 0;
        // Numbers like 0.3 have no exact form: a hair over the limit is the limit.
        const double hair = 1e-9 * std::max(1.0, std::abs(before->second));
        const bool is_worse = worse > allowed + hair;
        const bool fails = is_worse && worse > noise;
        result_.verdict = fails ? Verdict::failed : Verdict::passed;
        result_.text = fmt::format("{} went from {} to {}", result_.metric,
                                   shown(before->second, result_.metric), value());
        if (fails)
            result_.text +=
                fmt::format(", the largest {} allowed is {}", word, shown(limit, result_.metric));
        else if (is_worse)
            result_.text += fmt::format(", a {} of at most {} counts as noise", word,
                                        shown(noise, result_.metric));
        return result_;
    }

private:
    std::string value() const { return shown(*result_.value, result_.metric); }

    ThresholdResult bound(const model::Amount& limit, bool fails, std::string_view word) {
        result_.verdict = fails ? Verdict::failed : Verdict::passed;
        result_.text = fmt::format("{} is {}, the {} is {}", result_.metric, value(), word,
                                   shown(limit, result_.metric));
        return result_;
    }

    ThresholdResult result_;
};

ThresholdResult missing(const model::Threshold& threshold, const model::Reports& reports) {
    ThresholdResult out;
    out.metric = threshold.metric;
    if (threshold.metric == "coverage.changed" && reports.coverage &&
        reports.coverage->changed_lines == 0) {
        out.text = "the change touches no line that can be covered";
        return out;
    }
    out.verdict = threshold.missing_warns ? Verdict::warned : Verdict::failed;
    out.text = fmt::format("no report of this job gives {}", threshold.metric);
    if (threshold.metric == "coverage.changed" && reports.coverage)
        out.text = "coverage.changed is unknown: what the change touched is not known here";
    return out;
}

}  // namespace

Metrics metrics_of(const model::Reports& reports) {
    Metrics out = reports.metrics;
    if (const auto& tests = reports.tests) {
        out["tests.total"] = tests->total;
        out["tests.passed"] = tests->passed;
        out["tests.failed"] = tests->failed + tests->errored;
        out["tests.skipped"] = tests->skipped;
        out["tests.flaky"] = tests->flaky;
        out["tests.seconds"] = static_cast<double>(tests->duration_ms) / 1000;
    }
    if (const auto& findings = reports.findings) {
        out["findings.total"] = findings->total;
        out["findings.errors"] = findings->errors;
        out["findings.warnings"] = findings->warnings;
        out["findings.notes"] = findings->notes;
        if (findings->added) out["findings.new"] = *findings->added;
        if (findings->fixed) out["findings.fixed"] = *findings->fixed;
    }
    if (const auto& coverage = reports.coverage) {
        if (coverage->lines > 0)
            out["coverage.lines"] = percentage(coverage->lines_covered, coverage->lines);
        if (coverage->branches > 0)
            out["coverage.branches"] = percentage(coverage->branches_covered, coverage->branches);
        if (coverage->changed_lines && *coverage->changed_lines > 0)
            out["coverage.changed"] =
                percentage(*coverage->changed_covered, *coverage->changed_lines);
    }
    return out;
}

std::vector<ThresholdResult> evaluate(const std::vector<model::Threshold>& thresholds,
                                      const model::Reports& reports,
                                      const std::optional<Metrics>& base,
                                      const std::optional<Metrics>& target) {
    const Metrics metrics = metrics_of(reports);
    std::vector<ThresholdResult> out;
    for (const model::Threshold& threshold : thresholds) {
        const auto& before = threshold.against == model::Against::target ? target : base;
        bool any = false;
        for (const auto& [name, value] : metrics) {
            if (name != threshold.metric && !text::glob_match(threshold.metric, name)) continue;
            any = true;
            Evaluation of(name, value);
            if (threshold.min) out.push_back(of.at_least(*threshold.min));
            if (threshold.max) out.push_back(of.at_most(*threshold.max));
            if (threshold.max_drop)
                out.push_back(of.change(*threshold.max_drop, -1, threshold.ignore_below, before));
            if (threshold.max_rise)
                out.push_back(of.change(*threshold.max_rise, 1, threshold.ignore_below, before));
        }
        if (!any) out.push_back(missing(threshold, reports));
    }
    return out;
}

}  // namespace sluice::reports
