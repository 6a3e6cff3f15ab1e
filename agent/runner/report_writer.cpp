#include "agent/runner/report_writer.hpp"

#include "platform/crypto.hpp"

#include <fcntl.h>
#include <zstd.h>

#include <optional>

namespace sluice::agent {

struct ReportWriter::Impl {
    std::string name;
    files::Path path;
    files::Fd fd;
    ZSTD_CCtx* zstd = ZSTD_createCCtx();
    std::string buffer;
    std::int64_t size = 0;
    std::size_t lines = 0;
    bool truncated = false;
    const Redactor* redactor = nullptr;
    std::optional<Error> failed;

    Impl(std::string report, files::Path file) : name(std::move(report)), path(std::move(file)) {
        if (zstd == nullptr) throw std::bad_alloc();
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
        auto opened = files::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (opened)
            fd = std::move(*opened);
        else
            failed = opened.error();
    }
    ~Impl() { ZSTD_freeCCtx(zstd); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void compress(std::string_view text, ZSTD_EndDirective mode) {
        buffer.resize(ZSTD_CStreamOutSize());
        ZSTD_inBuffer in{text.data(), text.size(), 0};
        std::size_t left = 1;
        while (!failed && (left != 0 && (in.pos < in.size || mode == ZSTD_e_end))) {
            ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
            left = ZSTD_compressStream2(zstd, &out, &in, mode);
            if (ZSTD_isError(left)) {
                failed = error(Code::internal, "zstd", ZSTD_getErrorName(left));
                return;
            }
            const std::string_view piece(buffer.data(), out.pos);
            if (auto written = files::write_at(fd.get(), piece, size); !written)
                failed = written.error();
            size += static_cast<std::int64_t>(out.pos);
            if (mode == ZSTD_e_continue && in.pos == in.size) return;
        }
    }
};

ReportWriter::ReportWriter(std::string name, files::Path path, const Redactor* redactor)
    : impl_(std::make_unique<Impl>(std::move(name), std::move(path))) {
    impl_->redactor = redactor;
    line(json::Object{{"report", impl_->name}, {"version", 1}});
    impl_->lines = 0;
}

ReportWriter::~ReportWriter() = default;

void ReportWriter::line(const json::Value& value) {
    Impl& impl = *impl_;
    if (impl.failed || impl.truncated) return;
    // What zstd still holds back (at most some 128 KiB) comes on top.
    if (static_cast<std::size_t>(impl.size) + (1u << 20) > k_max_bytes) {
        impl.truncated = true;
        impl.compress("{\"truncated\":true}\n", ZSTD_e_continue);
        return;
    }
    ++impl.lines;
    if (impl.redactor == nullptr || impl.redactor->empty())
        return impl.compress(json::serialize(value) + "\n", ZSTD_e_continue);
    json::Value masked = value;
    impl.redactor->mask(masked);
    impl.compress(json::serialize(masked) + "\n", ZSTD_e_continue);
}

std::size_t ReportWriter::lines() const {
    return impl_->lines;
}

const files::Path& ReportWriter::path() const {
    return impl_->path;
}

Result<model::ReportFile> ReportWriter::finish() {
    Impl& impl = *impl_;
    impl.compress({}, ZSTD_e_end);
    if (impl.failed) return *impl.failed;
    SLUICE_TRY(const std::string bytes, files::read_file(impl.path, k_max_bytes));
    return model::ReportFile{
        .name = impl.name, .sha256 = crypto::sha256_hex(bytes), .size = impl.size};
}

}  // namespace sluice::agent
