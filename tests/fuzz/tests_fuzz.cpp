// First byte: TAP, `go test -json` or `jest --json`; second: the size of pieces. The rest as a test
// report → the same counts however it is cut, with valid text, or a refusal.
#include "pipelines/base/text.hpp"
#include "pipelines/reports/tap.hpp"
#include "pipelines/reports/test_collector.hpp"
#include "pipelines/reports/test_json.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace sluice;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

template <class Parser>
Result<> feed(Parser& parser, std::string_view text, std::size_t piece) {
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        if (auto fed = parser.feed(text.substr(0, piece)); !fed) return fed.error();
    return parser.finish();
}

Result<model::TestReport> parse(int format, std::string_view text, std::size_t piece) {
    reports::TestCollector tests(true);
    const auto take = [&](model::TestCase&& test) { tests.add(std::move(test)); };
    Result<> read;
    if (format == 0) {
        reports::TapParser parser(take);
        read = feed(parser, text, piece);
    } else {
        reports::TestJsonParser parser(
            format == 1 ? reports::TestJson::go : reports::TestJson::jest, take);
        read = feed(parser, text, piece);
    }
    if (!read) return read.error();
    return tests.report();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
    const auto whole = parse(data[0] % 3, text, text.size() + 1);
    const auto pieces = parse(data[0] % 3, text, data[1] % 64 + 1u);
    require(whole.has_value() == pieces.has_value());
    if (!whole) return 0;
    require(*whole == *pieces);
    require(whole->total == whole->passed + whole->failed + whole->errored + whole->skipped);
    for (const auto* list : {&whole->failures, &whole->flaky_cases, &whole->slowest})
        for (const model::TestCase& test : *list) {
            for (const std::string* field :
                 {&test.suite, &test.name, &test.message, &test.detail, &test.file})
                require(!text::find_invalid_utf8(*field));
            require(test.line >= 0 && test.attempts >= 1);
        }
    return 0;
}
