// Bytes as a test report → the same report however they are cut, with counts that add up and valid
// text, or a refusal.
#include "pipelines/base/text.hpp"
#include "pipelines/reports/junit.hpp"
#include "pipelines/reports/test_collector.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace sluice;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

Result<model::TestReport> parse(std::string_view text, std::size_t piece) {
    reports::TestCollector tests(true);
    reports::JunitParser parser([&](model::TestCase&& test) { tests.add(std::move(test)); });
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        if (auto fed = parser.feed(text.substr(0, piece)); !fed) return fed.error();
    if (auto done = parser.finish(); !done) return done.error();
    return tests.report();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto whole = parse(text, text.size() + 1);
    const auto pieces = parse(text, data[0] % 64 + 1);
    require(whole.has_value() == pieces.has_value());
    if (!whole) return 0;
    require(*whole == *pieces);
    require(whole->total == whole->passed + whole->failed + whole->errored + whole->skipped);
    require(whole->failures.size() <= 1000 && whole->duration_ms >= 0);
    for (const model::TestCase& test : whole->failures) {
        for (const std::string* field :
             {&test.suite, &test.name, &test.message, &test.detail, &test.file})
            require(!text::find_invalid_utf8(*field));
        require(test.line >= 0 && test.detail.size() <= 16 * 1024);
    }
    return 0;
}
