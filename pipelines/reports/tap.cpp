#include "pipelines/reports/tap.hpp"

#include "pipelines/base/text.hpp"
#include "pipelines/reports/lines.hpp"
#include "pipelines/reports/location.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

namespace sluice::reports {
namespace {

using model::TestCase;
using model::TestState;

constexpr int k_max_cases = 1'000'000;
constexpr std::size_t k_max_depth = 16;
constexpr std::size_t k_max_detail = 16 * 1024;
constexpr std::size_t k_max_name = 1'024;

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

std::optional<long> take_number(std::string_view& text) {
    long out = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (ec != std::errc{} || out < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return out;
}

bool equals_ignoring_case(std::string_view a, std::string_view upper) {
    if (a.size() < upper.size()) return false;
    for (std::size_t i = 0; i < upper.size(); ++i)
        if ((a[i] & ~0x20) != upper[i]) return false;
    return true;
}

/// What stands behind an unescaped `#`: `SKIP reason`, `TODO reason`.
std::string_view cut_directive(std::string_view& description) {
    for (std::size_t at = description.find('#'); at != std::string_view::npos;
         at = description.find('#', at + 1)) {
        if (at > 0 && description[at - 1] == '\\') continue;
        const std::string_view directive = text::trim(description.substr(at + 1));
        if (!equals_ignoring_case(directive, "SKIP") && !equals_ignoring_case(directive, "TODO"))
            continue;
        description = description.substr(0, at);
        return directive;
    }
    return {};
}

}  // namespace

struct TapParser::Impl {
    /// One level of subtests.
    struct Level {
        std::string suite;
        std::optional<long> plan;
        long seen = 0;
        bool bad_child = false;
    };

    explicit Impl(Take sink) : take(std::move(sink)) {}

    Take take;
    LineSplitter splitter;
    std::vector<Level> levels{Level{}};
    std::string next_suite;        ///< of `# Subtest: name`
    std::optional<TestCase> test;  ///< the last one: its diagnostics may follow
    std::size_t test_depth = 0;
    std::optional<std::size_t> yaml_indent;  ///< inside `---` … `...`
    int cases = 0;
    bool bailed = false;
    std::optional<Error> error;

    void give(TestCase done) {
        if (++cases > k_max_cases) {
            if (!error)
                error = sluice::error(Code::too_large, "bad_tap",
                                      fmt::format("more than {} tests", k_max_cases));
            return;
        }
        take(std::move(done));
    }

    void flush() {
        if (!test) return;
        TestCase done = std::move(*test);
        test.reset();
        if (done.state != TestState::failed) {
            done.detail.clear();
            return give(std::move(done));
        }
        done.detail = text::sanitize_utf8(text::trim(done.detail), k_max_detail);
        if (done.message.empty()) {
            const std::size_t end = done.detail.find('\n');
            done.message = text::sanitize_utf8(text::trim(done.detail.substr(0, end)), k_max_name);
        }
        if (done.line == 0) {
            if (auto place = find_location(done.detail, done.file)) {
                done.file = std::move(place->file);
                done.line = place->line;
            }
        }
        give(std::move(done));
    }

    void line(std::string_view raw) {
        std::size_t indent = 0;
        while (indent < raw.size() && raw[indent] == ' ') ++indent;
        const std::string_view rest = raw.substr(indent);
        if (yaml_indent) return yaml(rest);
        if (rest == "---" && test) {
            yaml_indent = indent;
            return;
        }
        const std::size_t depth = std::min(indent / 4, k_max_depth);
        std::string_view text = rest;
        if (take_prefix(text, "# Subtest:")) {
            flush();
            open(depth);
            next_suite = text::sanitize_utf8(text::trim(text), k_max_name);
            return;
        }
        if (rest.starts_with("#")) return comment(rest.substr(1));
        if (take_prefix(text, "not ok")) return point(text, depth, false);
        if (take_prefix(text, "ok")) return point(text, depth, true);
        if (take_prefix(text, "Bail out!")) return bail_out(text);
        if (take_prefix(text, "1..")) return plan(text, depth);
    }

    void comment(std::string_view text) {
        if (test && test->state == TestState::failed && test->detail.size() < k_max_detail)
            test->detail += fmt::format("{}\n", text.starts_with(' ') ? text.substr(1) : text);
    }

    void yaml(std::string_view text) {
        if (text == "...") {
            yaml_indent.reset();
            return;
        }
        if (test->detail.size() < k_max_detail) test->detail += fmt::format("{}\n", text);
        std::string_view value = text;
        if (take_prefix(value, "duration_ms:")) {
            double ms = 0;
            value = text::trim(value);
            std::from_chars(value.data(), value.data() + value.size(), ms);
            if (std::isfinite(ms) && ms > 0)
                test->duration_ms = static_cast<std::int64_t>(std::min(ms, 1e12));
        } else if (take_prefix(value, "message:") || take_prefix(value, "error:")) {
            value = text::trim(value);
            if (value.size() > 1 && (value[0] == '\'' || value[0] == '"') &&
                value.back() == value[0])
                value = value.substr(1, value.size() - 2);
            if (test->message.empty()) test->message = text::sanitize_utf8(value, k_max_name);
        } else if (take_prefix(value, "line:")) {
            value = text::trim(value);
            test->line = static_cast<int>(std::min(take_number(value).value_or(0), 1'000'000'000L));
        } else if (take_prefix(value, "file:")) {
            test->file = text::sanitize_utf8(text::trim(value), 512);
        }
    }

    void open(std::size_t depth) {
        while (levels.size() <= depth) {
            Level level;
            level.suite = levels.back().suite;
            if (!next_suite.empty())
                level.suite += (level.suite.empty() ? "" : " > ") + std::exchange(next_suite, "");
            if (level.suite.size() > k_max_name) level.suite.resize(k_max_name);
            levels.push_back(std::move(level));
        }
    }

    /// Ends deeper levels; true when there were any, and then whether one of their tests failed.
    struct Closed {
        bool any = false, bad = false;
    };
    Closed close(std::size_t depth) {
        Closed closed;
        while (levels.size() > depth + 1) {
            check_plan(levels.back());
            closed.any = true;
            closed.bad = closed.bad || levels.back().bad_child;
            levels.pop_back();
        }
        if (closed.bad) levels.back().bad_child = true;
        return closed;
    }

    void check_plan(Level& level) {
        if (!level.plan || *level.plan == level.seen || bailed) return;
        TestCase broken;
        broken.suite = level.suite;
        broken.name = "plan";
        broken.state = TestState::errored;
        broken.message = fmt::format("{} tests were planned, {} ran", *level.plan, level.seen);
        level.bad_child = true;
        give(std::move(broken));
    }

    void point(std::string_view text, std::size_t depth, bool ok) {
        if (!text.empty() && text[0] != ' ' && text[0] != '\t') return;  // `okay`
        flush();
        open(depth);
        const Closed children = close(depth);
        text = text::trim(text);
        (void)take_number(text);
        text = text::trim(text);
        if (text.starts_with("- ")) text.remove_prefix(2);
        const std::string_view directive = cut_directive(text);
        Level& level = levels.back();
        ++level.seen;
        TestCase next;
        next.suite = level.suite;
        next.name = text::sanitize_utf8(text::trim(text), k_max_name);
        if (next.name.empty()) next.name = fmt::format("test {}", level.seen);
        next.state = ok ? TestState::passed : TestState::failed;
        if (equals_ignoring_case(directive, "SKIP") ||
            (!ok && equals_ignoring_case(directive, "TODO")))
            next.state = TestState::skipped;
        if (next.state == TestState::failed) level.bad_child = true;
        next_suite.clear();
        // A parent only sums up its children, unless it failed by itself.
        if (children.any && (next.state != TestState::failed || children.bad)) return;
        test = std::move(next);
        test_depth = depth;
    }

    void plan(std::string_view text, std::size_t depth) {
        const auto count = take_number(text);
        if (!count) return;
        flush();
        open(depth);
        close(depth);
        levels.back().plan = *count;
    }

    void bail_out(std::string_view reason) {
        flush();
        bailed = true;
        TestCase broken;
        broken.name = "Bail out!";
        broken.state = TestState::errored;
        broken.message = text::sanitize_utf8(text::trim(reason), k_max_name);
        give(std::move(broken));
    }
};

TapParser::TapParser(Take take) : impl_(std::make_unique<Impl>(std::move(take))) {}
TapParser::~TapParser() = default;

Result<> TapParser::feed(std::string_view bytes) {
    impl_->splitter.feed(bytes, [this](std::string_view line) { impl_->line(line); });
    if (impl_->error) return *impl_->error;
    return {};
}

Result<> TapParser::finish() {
    impl_->splitter.finish([this](std::string_view line) { impl_->line(line); });
    impl_->flush();
    impl_->close(0);
    const bool empty = impl_->cases == 0 && !impl_->levels[0].plan;
    impl_->check_plan(impl_->levels[0]);
    if (impl_->error) return *impl_->error;
    if (empty) return error(Code::invalid, "bad_tap", "no plan and no test in it");
    return {};
}

}  // namespace sluice::reports
