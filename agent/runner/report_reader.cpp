#include "agent/runner/report_reader.hpp"

#include "pipelines/reports/lines.hpp"

#include <zstd.h>

#include <functional>
#include <memory>

namespace sluice::agent {

namespace {

constexpr std::size_t k_max_text = 256u << 20;

struct FreeStream {
    void operator()(ZSTD_DCtx* stream) const { ::ZSTD_freeDCtx(stream); }
};

/// Every line but the first, which names the report, and the mark of a truncated one.
Result<> each_line(std::string_view zstd, std::string_view name,
                   const std::function<Result<>(const json::Value&)>& take) {
    std::unique_ptr<ZSTD_DCtx, FreeStream> stream(::ZSTD_createDCtx());
    if (!stream) throw std::bad_alloc();
    std::string out(::ZSTD_DStreamOutSize(), '\0');
    ZSTD_inBuffer in{zstd.data(), zstd.size(), 0};
    reports::LineSplitter splitter;
    Result<> state;
    bool head = true;
    std::size_t total = 0;
    const auto line = [&](std::string_view text) {
        if (!state || text.empty()) return;
        auto value = json::parse(text, {.bytes = 64 * 1024, .depth = 16});
        if (!value) return;  // cut by the splitter
        if (std::exchange(head, false)) {
            const auto* report =
                value->is_object() ? value->as_object().if_contains("report") : nullptr;
            if (report == nullptr || !report->is_string() || report->as_string() != name)
                state = error(Code::invalid, "bad_report", "it is not the report asked for");
            return;
        }
        // Shards of one job follow each other, each with a head of its own.
        if (value->is_object() &&
            (value->as_object().contains("truncated") || value->as_object().contains("report")))
            return;
        state = take(*value);
    };
    while (state && in.pos < in.size) {
        ZSTD_outBuffer piece{out.data(), out.size(), 0};
        const std::size_t status = ::ZSTD_decompressStream(stream.get(), &piece, &in);
        if (::ZSTD_isError(status))
            return error(Code::invalid, "bad_report", ::ZSTD_getErrorName(status));
        if ((total += piece.pos) > k_max_text)
            return error(Code::too_large, "bad_report", "more than 256 MiB");
        splitter.feed(std::string_view(out).substr(0, piece.pos), line);
    }
    splitter.finish(line);
    return state;
}

}  // namespace

Result<std::vector<model::Finding>> read_findings(std::string_view zstd) {
    std::vector<model::Finding> out;
    SLUICE_CHECK(each_line(zstd, "findings", [&](const json::Value& value) -> Result<> {
        SLUICE_TRY(model::Finding finding, model::finding_from_json(value, ""));
        finding.is_new.reset();
        if (finding.fixed) return {};
        out.push_back(std::move(finding));
        return {};
    }));
    return out;
}

Result<std::vector<reports::TestTime>> read_test_times(std::string_view zstd) {
    std::vector<reports::TestTime> out;
    SLUICE_CHECK(each_line(zstd, "tests", [&](const json::Value& value) -> Result<> {
        SLUICE_TRY(model::TestCase test, model::test_case_from_json(value, ""));
        out.push_back({test.suite, test.name, test.file, test.duration_ms});
        return {};
    }));
    return out;
}

}  // namespace sluice::agent
