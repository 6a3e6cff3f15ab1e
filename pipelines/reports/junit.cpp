#include "pipelines/reports/junit.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/reports/location.hpp"
#include "pipelines/reports/xml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace sluice::reports {
namespace {

using model::TestCase;
using model::TestState;

constexpr std::size_t k_max_bytes = 512u << 20;
constexpr int k_max_cases = 1'000'000;
constexpr std::size_t k_max_detail = 16 * 1024;
constexpr std::size_t k_max_collected =
    64 * 1024;  // of one case while it is read: the end may hold the place
constexpr std::size_t k_max_message = 1'024;
constexpr std::size_t k_max_name = 1'024;
constexpr std::size_t k_max_file = 512;

/// Seconds as text, `1.25` or `1,234.5`, to milliseconds; 0 when it is no number.
std::int64_t milliseconds(std::string_view text) {
    std::string digits(text.substr(0, 64));
    std::erase(digits, ',');
    double seconds = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (ec != std::errc{} || !std::isfinite(seconds) || seconds <= 0) return 0;
    return static_cast<std::int64_t>(std::min(seconds * 1000, 1e12));
}

/// The line that says what is wrong: not the place that gtest writes first, nor Catch2's "FAILED:".
/// A heading that ends in `:` gets the two lines below it.
std::string telling_line(std::string_view text) {
    std::string heading;
    int below = 0;
    for (const std::string& raw : text::split(text.substr(0, k_max_detail), '\n')) {
        const std::string_view line = text::trim(raw);
        const auto place = find_location(line, "");
        const bool is_place = place && line == fmt::format("{}:{}", place->file, place->line);
        if (line.empty() || is_place || line == "FAILED:") continue;
        if (heading.empty()) {
            heading = line;
            if (!line.ends_with(':')) break;
        } else {
            heading += fmt::format(" {}", line);
            if (++below == 2) break;
        }
    }
    return text::sanitize_utf8(heading, k_max_message);
}

std::string_view last_line(std::string_view text) {
    text = text::trim(text);
    const std::size_t end = text.rfind('\n');
    return end == std::string_view::npos ? text : text.substr(end + 1);
}

}  // namespace

struct JunitParser::Impl final : XmlHandler {
    explicit Impl(Take sink) : take(std::move(sink)) {}

    Take take;
    XmlReader reader{"bad_junit", *this, k_max_bytes};
    bool seen_root = false;
    std::vector<std::string> suites;  ///< names of the open <testsuite>s
    std::optional<TestCase> test;
    /// Where text goes: inside <failure>, <error>, <system-out>, <system-err>.
    std::string* collecting = nullptr;
    std::string message;  ///< of the first failure of this case, all lines
    std::string output;   ///< of this case: ctest puts nothing into <failure>
    int cases = 0;

    void text(std::string_view piece) override {
        if (collecting == nullptr) return;
        const std::size_t room = k_max_collected - std::min(collecting->size(), k_max_collected);
        collecting->append(piece.substr(0, room));
    }

    void start(std::string_view name, const XmlAttributes& attributes) override {
        if (!std::exchange(seen_root, true) && name != "testsuites" && name != "testsuite" &&
            name != "testcase")
            return reader.stop(fmt::format("the root is <{}>, not <testsuites> or <testsuite>",
                                           text::sanitize_utf8(name, 60)));
        if (name == "testsuite") {
            suites.push_back(text::sanitize_utf8(attributes["name"], k_max_name));
        } else if (name == "testcase" && !test) {
            begin_case(attributes);
        } else if (test && (name == "failure" || name == "error")) {
            begin_failure(name, attributes);
        } else if (test && (name == "system-out" || name == "system-err")) {
            collecting = &output;
        } else if (test && name == "skipped" && test->state == TestState::passed) {
            test->state = TestState::skipped;
        } else if (test && (name == "flakyFailure" || name == "flakyError")) {
            begin_rerun(attributes);
            test->flaky = true;
        } else if (test && (name == "rerunFailure" || name == "rerunError")) {
            ++test->attempts;
        }
    }

    /// Maven Surefire writes the failures before a pass into the case that passed.
    void begin_rerun(const XmlAttributes& attributes) {
        if (test->attempts++ == 1) {
            message = std::string(attributes["message"].substr(0, k_max_detail));
            collecting = &test->detail;
        }
    }

    void begin_case(const XmlAttributes& attributes) {
        if (++cases > k_max_cases)
            return reader.stop(fmt::format("more than {} test cases", k_max_cases));
        TestCase next;
        next.name = text::sanitize_utf8(attributes["name"], k_max_name);
        next.suite = text::sanitize_utf8(attributes["classname"], k_max_name);
        if (next.suite.empty() && !suites.empty()) next.suite = suites.back();
        next.duration_ms = milliseconds(attributes["time"]);
        next.file = text::sanitize_utf8(attributes["file"], k_max_file);
        next.line = attributes.number("line");
        // gtest says a case did not run by this, not by <skipped>.
        const std::string_view status = attributes["status"];
        if (status == "notrun" || status == "disabled" || attributes["result"] == "suppressed")
            next.state = TestState::skipped;
        test = std::move(next);
        message.clear();
        output.clear();
    }

    void begin_failure(std::string_view name, const XmlAttributes& attributes) {
        const TestState state = name == "error" ? TestState::errored : TestState::failed;
        collecting = &test->detail;
        if (test->state == TestState::failed || test->state == TestState::errored) {
            test->detail += "\n";  // gtest writes one element per failed expectation
            return;
        }
        test->state = state;
        message = std::string(attributes["message"].substr(0, k_max_detail));
        // Catch2 and some others put the place on the failure.
        if (test->file.empty()) test->file = text::sanitize_utf8(attributes["file"], k_max_file);
        if (const int line = attributes.number("line"); line > 0) test->line = line;
    }

    void end(std::string_view name) override {
        if (name == "testsuite" && !suites.empty()) suites.pop_back();
        if (name == "failure" || name == "error" || name == "system-out" || name == "system-err" ||
            name == "flakyFailure" || name == "flakyError")
            collecting = nullptr;
        if (name == "testcase" && test) finish_case();
    }

    void finish_case() {
        TestCase done = std::move(*test);
        test.reset();
        collecting = nullptr;
        if (done.flaky && done.state != TestState::passed) done.flaky = false;
        const bool tells = done.state == TestState::failed || done.state == TestState::errored;
        if (!tells && !done.flaky) return take(std::move(done));
        std::string_view detail = text::trim(done.detail);
        if (detail.empty()) detail = text::trim(message);
        const bool only_output = detail.empty();
        if (only_output) detail = text::trim(output);
        done.message = telling_line(message.empty() && !only_output ? detail : message);
        if (only_output)
            done.message = text::sanitize_utf8(text::trim(last_line(detail)), k_max_message);
        // pytest's `line` is where the function begins, gtest's where the test is defined; the text
        // knows better.
        if (auto place = find_location(detail, done.file)) {
            done.file = std::move(place->file);
            done.line = place->line;
        }
        done.detail = text::sanitize_utf8(detail, k_max_detail);
        take(std::move(done));
    }
};

JunitParser::JunitParser(Take take) : impl_(std::make_unique<Impl>(std::move(take))) {}
JunitParser::~JunitParser() = default;

Result<> JunitParser::feed(std::string_view bytes) {
    return impl_->reader.feed(bytes);
}

Result<> JunitParser::finish() {
    return impl_->reader.finish();
}

}  // namespace sluice::reports
