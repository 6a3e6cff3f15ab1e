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

Result<ReportStore::Page> ReportStore::page(AttemptId attempt, std::string_view name,
                                            std::int64_t offset, std::int64_t limit) const {
    SLUICE_TRY(const std::string bytes, read(attempt, name));
    std::unique_ptr<ZSTD_DCtx, FreeStream> stream(::ZSTD_createDCtx());
    if (!stream) throw std::bad_alloc();
    std::string out(::ZSTD_DStreamOutSize(), '\0');
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    reports::LineSplitter splitter;
    Page page;
    std::int64_t number = -1;  // the first line names the report
    std::size_t total = 0;
    const auto line = [&](std::string_view text) {
        const std::int64_t at = number++;
        if (at < offset || text.empty()) return;
        if (at >= offset + limit) {
            page.more = true;
            return;
        }
        if (auto value = json::parse(text, {.bytes = 1 << 20, .depth = 16}))
            page.items.push_back(std::move(*value));
    };
    while (!page.more && in.pos < in.size) {
        ZSTD_outBuffer piece{out.data(), out.size(), 0};
        const std::size_t status = ::ZSTD_decompressStream(stream.get(), &piece, &in);
        if (::ZSTD_isError(status))
            return error(Code::invalid, "bad_report", ::ZSTD_getErrorName(status));
        if ((total += piece.pos) > k_max_text)
            return error(Code::too_large, "bad_report", "the report is too large to be shown");
        splitter.feed(std::string_view(out).substr(0, piece.pos), line);
    }
    splitter.finish(line);
    return page;
}

}  // namespace sluice::logs
