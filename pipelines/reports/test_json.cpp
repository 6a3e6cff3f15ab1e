#include "pipelines/reports/test_json.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/reports/json_documents.hpp"
#include "pipelines/reports/json_view.hpp"
#include "pipelines/reports/location.hpp"

#include <cmath>
#include <set>
#include <unordered_map>

namespace sluice::reports {
namespace {

using model::TestCase;
using model::TestState;

constexpr std::size_t k_max_detail = 16 * 1024;
constexpr std::size_t k_max_name = 1'024;
constexpr std::size_t k_max_open = 100'000;

std::int64_t milliseconds(const json::Value* value, double unit) {
    if (value == nullptr || !value->is_number()) return 0;
    const double ms = value->to_number<double>() * unit;
    return std::isfinite(ms) && ms > 0 ? static_cast<std::int64_t>(std::min(ms, 1e12)) : 0;
}

std::string first_line(std::string_view text) {
    text = text::trim(text);
    return text::sanitize_utf8(text.substr(0, text.find('\n')), k_max_name);
}

/// Colours of a terminal say nothing here.
std::string without_colours(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '[') {
            for (i += 2; i < text.size() && (text[i] < '@' || text[i] > '~');) ++i;
            continue;
        }
        out += text[i];
    }
    return out;
}

}  // namespace

struct TestJsonParser::Impl {
    Impl(TestJson format, Take sink)
        : take(std::move(sink)), documents("bad_tests", [this, format](const json::Value& value) {
              return format == TestJson::go ? go(value) : jest(value);
          }) {}

    Take take;
    JsonDocuments documents;
    bool any = false;

    /// What is known of a go test, or (name "") of a package, while it runs.
    struct Open {
        std::string output;
        bool child_ended = false, child_failed = false;
    };
    std::unordered_map<std::string, Open> open;

    Result<> go(const json::Value& event) {
        const std::string_view action = view::string(event, "Action");
        std::string_view package = view::string(event, "Package");
        if (package.empty()) package = view::string(event, "ImportPath");
        const std::string_view test = view::string(event, "Test");
        if (action.empty())
            return error(Code::invalid, "bad_tests", "no event of `go test -json`: no Action");
        any = true;
        const std::string key = std::string(package) + "\n" + std::string(test);
        if (open.size() > k_max_open)
            return error(Code::too_large, "bad_tests", "more than 100000 tests at once");
        if (action == "output" || action == "build-output") {
            std::string& output = open[key].output;
            const std::string_view text = view::string(event, "Output");
            // `=== RUN` and `--- FAIL` frame what the test said.
            if (output.size() < k_max_detail && !text.starts_with("=== ") &&
                text.find("--- ") == std::string_view::npos)
                output += text;
            return {};
        }
        if (action != "pass" && action != "fail" && action != "skip") return {};
        Open state = std::move(open[key]);
        open.erase(key);
        if (test.empty()) return go_package(event, action, package, state);
        TestCase next;
        next.suite = text::sanitize_utf8(package, k_max_name);
        next.name = text::sanitize_utf8(test, k_max_name);
        next.duration_ms = milliseconds(view::member(event, "Elapsed"), 1000);
        next.state = action == "pass"   ? TestState::passed
                     : action == "fail" ? TestState::failed
                                        : TestState::skipped;
        const std::size_t slash = test.rfind('/');
        std::string parent = std::string(package) + "\n";
        if (slash != std::string_view::npos) parent += test.substr(0, slash);
        Open& above = open[parent];
        above.child_ended = true;
        above.child_failed = above.child_failed || next.state == TestState::failed;
        const bool sums_up =
            state.child_ended && (next.state != TestState::failed || state.child_failed);
        if (sums_up) return {};
        if (next.state == TestState::failed) describe(next, state.output);
        take(std::move(next));
        return {};
    }

    /// A package fails by itself when it does not build, panics outside of a test, or exits.
    Result<> go_package(const json::Value& event, std::string_view action, std::string_view package,
                        const Open& state) {
        if (action != "fail" || state.child_failed) return {};
        TestCase broken;
        broken.suite = text::sanitize_utf8(package, k_max_name);
        broken.name = "package";
        broken.state = TestState::errored;
        std::string output = state.output;
        const std::string_view failed_build = view::string(event, "FailedBuild");
        if (const auto build = open.find(std::string(failed_build) + "\n");
            !failed_build.empty() && build != open.end())
            output = build->second.output + output;
        describe(broken, output);
        take(std::move(broken));
        return {};
    }

    static void describe(TestCase& test, std::string_view output) {
        test.detail = text::sanitize_utf8(text::trim(output), k_max_detail);
        test.message = first_line(output);
        if (auto place = find_location(test.detail, test.file)) {
            test.file = std::move(place->file);
            test.line = place->line;
        }
    }

    Result<> jest(const json::Value& document) {
        if (view::member(document, "testResults") == nullptr)
            return error(Code::invalid, "bad_tests",
                         "no result of `jest --json`: `testResults` is missing");
        any = true;
        for (const json::Value& file : view::array(document, "testResults")) {
            const json::Array& tests = view::array(file, "assertionResults");
            for (const json::Value& item : tests) jest_case(file, item);
            // A file that does not even load has no tests.
            if (!tests.empty() || view::string(file, "status") != "failed") continue;
            TestCase broken;
            broken.name = "file";
            broken.state = TestState::errored;
            broken.file = text::sanitize_utf8(view::string(file, "name"), 512);
            broken.suite = broken.file;
            describe(broken, without_colours(view::string(file, "message")));
            take(std::move(broken));
        }
        return {};
    }

    void jest_case(const json::Value& file, const json::Value& item) {
        TestCase next;
        for (const json::Value& title : view::array(item, "ancestorTitles"))
            if (title.is_string() && next.suite.size() < k_max_name)
                next.suite += (next.suite.empty() ? "" : " ") + std::string(title.as_string());
        next.suite = text::sanitize_utf8(next.suite, k_max_name);
        next.name = text::sanitize_utf8(view::string(item, "title"), k_max_name);
        next.file = text::sanitize_utf8(view::string(file, "name"), 512);
        next.duration_ms = milliseconds(view::member(item, "duration"), 1);
        const int invocations = view::number(item, "invocations");
        const std::string_view status = view::string(item, "status");
        next.state = status == "passed"   ? TestState::passed
                     : status == "failed" ? TestState::failed
                                          : TestState::skipped;
        std::string output;
        for (const json::Value& message : view::array(item, "failureMessages"))
            if (message.is_string() && output.size() < k_max_detail)
                output += std::string(message.as_string()) + "\n";
        if (next.state == TestState::failed) describe(next, without_colours(output));
        // jest.retryTimes: the earlier failures are listed beside a pass.
        if (next.state == TestState::passed && invocations > 1) {
            next.flaky = true;
            next.attempts = std::min(invocations, 1000);
        }
        take(std::move(next));
    }
};

TestJsonParser::TestJsonParser(TestJson format, Take take)
    : impl_(std::make_unique<Impl>(format, std::move(take))) {}
TestJsonParser::~TestJsonParser() = default;

Result<> TestJsonParser::feed(std::string_view bytes) {
    return impl_->documents.feed(bytes);
}

Result<> TestJsonParser::finish() {
    return impl_->documents.finish();
}

}  // namespace sluice::reports
