#include "pipelines/reports/junit.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/reports/location.hpp"

#include <expat.h>
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
using model::TestReport;
using model::TestState;

constexpr std::size_t k_max_bytes = 200u << 20;
constexpr int k_max_cases = 1'000'000;
constexpr int k_max_depth = 64;
constexpr std::size_t k_max_failures = 1'000;
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

/// Name without a namespace prefix.
std::string_view local_name(const char* name) {
    const std::string_view full(name);
    const std::size_t colon = full.rfind(':');
    return colon == std::string_view::npos ? full : full.substr(colon + 1);
}

class Attributes {
public:
    explicit Attributes(const XML_Char** list) : list_(list) {}
    std::string_view operator[](std::string_view name) const {
        for (std::size_t i = 0; list_[i] != nullptr; i += 2)
            if (name == list_[i]) return list_[i + 1];
        return {};
    }

private:
    const XML_Char** list_;
};

}  // namespace

struct JunitParser::Impl {
    XML_Parser parser = XML_ParserCreate(nullptr);
    TestReport report;
    std::optional<Error> error;
    std::size_t bytes = 0;
    int depth = 0;
    bool seen_root = false;
    std::vector<std::string> suites;  ///< names of the open <testsuite>s
    std::optional<TestCase> test;
    std::string* collecting =
        nullptr;  ///< where text goes: inside <failure>, <error>, <system-out>, <system-err>
    std::string message;  ///< of the first failure of this case, all lines
    std::string output;   ///< of this case: ctest puts nothing into <failure>
    int cases = 0;

    Impl() {
        if (parser == nullptr) throw std::bad_alloc();
        XML_SetUserData(parser, this);
        XML_SetElementHandler(parser, on_start, on_end);
        XML_SetCharacterDataHandler(parser, on_text);
        // A document type can define entities (billion laughs, files of the machine); no test tool
        // writes one.
        XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    }
    ~Impl() { XML_ParserFree(parser); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    std::string where() const {
        return fmt::format("{}:{}", XML_GetCurrentLineNumber(parser),
                           XML_GetCurrentColumnNumber(parser) + 1);
    }

    void stop(std::string reason) {
        if (error) return;
        error = sluice::error(Code::invalid, "bad_junit", std::move(reason), where());
        XML_StopParser(parser, XML_FALSE);
    }

    static void on_doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
        static_cast<Impl*>(self)->stop("a document type is not allowed in a test report");
    }

    static void on_start(void* self, const XML_Char* name, const XML_Char** attributes) {
        static_cast<Impl*>(self)->start(local_name(name), Attributes(attributes));
    }
    static void on_end(void* self, const XML_Char* name) {
        static_cast<Impl*>(self)->end(local_name(name));
    }
    static void on_text(void* self, const XML_Char* text, int length) {
        auto& impl = *static_cast<Impl*>(self);
        if (impl.collecting == nullptr) return;
        std::string& into = *impl.collecting;
        const std::size_t room = k_max_collected - std::min(into.size(), k_max_collected);
        into.append(text, std::min(static_cast<std::size_t>(length), room));
    }

    void start(std::string_view name, const Attributes& attributes) {
        if (++depth > k_max_depth)
            return stop(fmt::format("nested deeper than {} levels", k_max_depth));
        if (!std::exchange(seen_root, true) && name != "testsuites" && name != "testsuite" &&
            name != "testcase")
            return stop(fmt::format("the root is <{}>, not <testsuites> or <testsuite>",
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
        }
    }

    void begin_case(const Attributes& attributes) {
        if (++cases > k_max_cases) return stop(fmt::format("more than {} test cases", k_max_cases));
        TestCase next;
        next.name = text::sanitize_utf8(attributes["name"], k_max_name);
        next.suite = text::sanitize_utf8(attributes["classname"], k_max_name);
        if (next.suite.empty() && !suites.empty()) next.suite = suites.back();
        next.duration_ms = milliseconds(attributes["time"]);
        next.file = text::sanitize_utf8(attributes["file"], k_max_file);
        next.line = line_number(attributes["line"]);
        // gtest says a case did not run by this, not by <skipped>.
        const std::string_view status = attributes["status"];
        if (status == "notrun" || status == "disabled" || attributes["result"] == "suppressed")
            next.state = TestState::skipped;
        test = std::move(next);
        message.clear();
        output.clear();
    }

    void begin_failure(std::string_view name, const Attributes& attributes) {
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
        if (const int line = line_number(attributes["line"]); line > 0) test->line = line;
    }

    static int line_number(std::string_view text) {
        int line = 0;
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), line);
        return ec == std::errc{} && end == text.data() + text.size() && line > 0 ? line : 0;
    }

    void end(std::string_view name) {
        --depth;
        if (name == "testsuite" && !suites.empty()) suites.pop_back();
        if (name == "failure" || name == "error" || name == "system-out" || name == "system-err")
            collecting = nullptr;
        if (name == "testcase" && test) finish_case();
    }

    void finish_case() {
        TestCase done = std::move(*test);
        test.reset();
        collecting = nullptr;
        ++report.total;
        report.duration_ms += done.duration_ms;
        switch (done.state) {
            case TestState::passed: ++report.passed; return;
            case TestState::skipped: ++report.skipped; return;
            case TestState::failed: ++report.failed; break;
            case TestState::errored: ++report.errored; break;
        }
        if (report.failures.size() >= k_max_failures) {
            report.truncated = true;
            return;
        }
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
        report.failures.push_back(std::move(done));
    }
};

JunitParser::JunitParser() : impl_(std::make_unique<Impl>()) {}
JunitParser::~JunitParser() = default;

Result<> JunitParser::feed(std::string_view bytes) {
    Impl& impl = *impl_;
    while (!bytes.empty() && !impl.error) {
        const std::string_view piece = bytes.substr(0, 1 << 20);  // expat counts in int
        bytes.remove_prefix(piece.size());
        impl.bytes += piece.size();
        if (impl.bytes > k_max_bytes) {
            impl.error = error(Code::too_large, "bad_junit",
                               fmt::format("more than {} MiB", k_max_bytes >> 20), impl.where());
            break;
        }
        if (XML_Parse(impl.parser, piece.data(), static_cast<int>(piece.size()), XML_FALSE) ==
                XML_STATUS_ERROR &&
            !impl.error)
            impl.error = error(Code::invalid, "bad_junit",
                               XML_ErrorString(XML_GetErrorCode(impl.parser)), impl.where());
    }
    if (impl.error) return *impl.error;
    return {};
}

Result<TestReport> JunitParser::finish() {
    Impl& impl = *impl_;
    if (!impl.error && XML_Parse(impl.parser, "", 0, XML_TRUE) == XML_STATUS_ERROR && !impl.error)
        impl.error = error(Code::invalid, "bad_junit",
                           XML_ErrorString(XML_GetErrorCode(impl.parser)), impl.where());
    if (impl.error) return *impl.error;
    return impl.report;
}

void merge(TestReport& into, const TestReport& more) {
    into.total += more.total;
    into.passed += more.passed;
    into.failed += more.failed;
    into.errored += more.errored;
    into.skipped += more.skipped;
    into.duration_ms += more.duration_ms;
    into.truncated = into.truncated || more.truncated;
    for (const TestCase& test : more.failures) {
        if (into.failures.size() >= k_max_failures) {
            into.truncated = true;
            return;
        }
        into.failures.push_back(test);
    }
}

}  // namespace sluice::reports
