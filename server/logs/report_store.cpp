#include "server/logs/report_store.hpp"

#include "pipelines/reports/lines.hpp"
#include "platform/crypto.hpp"

#include <zstd.h>

#include <memory>

namespace sluice::logs {

namespace {

constexpr std::size_t k_max_text = 256u << 20;
constexpr std::size_t k_max_file = 64u << 20;

struct FreeStream {
    void operator()(ZSTD_DCtx* stream) const { ::ZSTD_freeDCtx(stream); }
};

}  // namespace

files::Path ReportStore::path(AttemptId attempt, std::string_view name) const {
    // A thousand attempts per folder: none of them grows without bounds.
    return root_ / std::to_string(attempt.value / 1000) / std::to_string(attempt.value) /
           (std::string(name) + ".ndjson.zst");
}

Result<> ReportStore::put(AttemptId attempt, std::string_view name, std::string_view sha256,
                          std::string_view bytes) {
    if (crypto::sha256_hex(bytes) != sha256)
        return error(Code::invalid, "bad_digest", "the bytes are not those of the digest",
                     "X-Report-Sha256");
    constexpr std::string_view k_magic("\x28\xb5\x2f\xfd", 4);
    if (!bytes.starts_with(k_magic))
        return error(Code::invalid, "bad_digest", "a report is compressed by zstd");
    const files::Path file = path(attempt, name);
    SLUICE_CHECK(files::make_dirs(file.parent_path(), 0750));
    // Not fsynced: a report that a power cut takes is no loss of a verdict.
    return files::write_atomic(file, bytes, 0640, false);
}

Result<std::string> ReportStore::read(AttemptId attempt, std::string_view name) const {
    return files::read_file(path(attempt, name), k_max_file);
}

bool ReportStore::has(AttemptId attempt, std::string_view name) const {
    std::error_code failed;
    return attempt && std::filesystem::is_regular_file(path(attempt, name), failed);
}

Result<> ReportStore::each(std::span<const AttemptId> attempts, std::string_view name,
                           const std::function<void(json::Value&&)>& take) const {
    bool any = false;
    std::size_t total = 0;
    for (const AttemptId attempt : attempts) {
        if (!has(attempt, name)) continue;
        SLUICE_TRY(const std::string bytes, read(attempt, name));
        any = true;
        SLUICE_CHECK(each_of(bytes, total, take));
    }
    if (!any) return error(Code::not_found, "not_found", "there is no such report");
    return {};
}

Result<> ReportStore::each_of(std::string_view bytes, std::size_t& total,
                              const std::function<void(json::Value&&)>& take) const {
    std::unique_ptr<ZSTD_DCtx, FreeStream> stream(::ZSTD_createDCtx());
    if (!stream) throw std::bad_alloc();
    std::string out(::ZSTD_DStreamOutSize(), '\0');
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    reports::LineSplitter splitter;
    const auto line = [&](std::string_view text) {
        if (text.empty()) return;
        auto value = json::parse(text, {.bytes = 1 << 20, .depth = 16});
        if (!value || !value->is_object()) return;
        // The first line names the report, the last one may say that it was cut.
        const json::Object& item = value->as_object();
        if (!item.contains("report") && !item.contains("truncated")) take(std::move(*value));
    };
    while (in.pos < in.size) {
        ZSTD_outBuffer piece{out.data(), out.size(), 0};
        const std::size_t status = ::ZSTD_decompressStream(stream.get(), &piece, &in);
        if (::ZSTD_isError(status))
            return error(Code::invalid, "bad_report", ::ZSTD_getErrorName(status));
        if ((total += piece.pos) > k_max_text)
            return error(Code::too_large, "bad_report", "the report is too large to be shown");
        splitter.feed(std::string_view(out).substr(0, piece.pos), line);
    }
    splitter.finish(line);
    return {};
}

}  // namespace sluice::logs
