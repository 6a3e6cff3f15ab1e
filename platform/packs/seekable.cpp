#include "platform/packs/seekable.hpp"

#include "platform/files.hpp"

#include <zstd.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace sluice::packs {

namespace {

constexpr std::uint32_t k_skippable = 0x184D2A5E;
constexpr std::uint32_t k_seekable = 0x8F92EAB1;
constexpr std::size_t k_footer = 9;  // number of frames, descriptor, magic
constexpr int k_level = 1;           // a build's artifacts are written once and read seldom

Error corrupt(std::string message) {
    return error(Code::invalid, "archive_corrupt", std::move(message));
}

void put_u32(std::string& out, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xFF);
}

std::uint32_t get_u32(std::string_view bytes, std::size_t at) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < 4; ++i)
        out |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    return out;
}

struct FreeCompressor {
    void operator()(ZSTD_CCtx* context) const { ::ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
    void operator()(ZSTD_DCtx* context) const { ::ZSTD_freeDCtx(context); }
};

}  // namespace

struct SeekableWriter::Impl {
    std::unique_ptr<ZSTD_CCtx, FreeCompressor> context{::ZSTD_createCCtx()};
    std::string block, packed, table;
    std::uint32_t frames = 0;
};

SeekableWriter::SeekableWriter(Put put) : put_(std::move(put)), impl_(std::make_unique<Impl>()) {
    if (!impl_->context) throw std::bad_alloc();
}
SeekableWriter::~SeekableWriter() = default;

Result<> SeekableWriter::out(std::string_view bytes) {
    SLUICE_CHECK(put_(bytes));
    stored_ += static_cast<std::int64_t>(bytes.size());
    return {};
}

Result<> SeekableWriter::write(std::string_view bytes) {
    bytes_ += static_cast<std::int64_t>(bytes.size());
    while (!bytes.empty()) {
        const std::size_t n = std::min(bytes.size(), k_block - impl_->block.size());
        impl_->block.append(bytes.substr(0, n));
        bytes.remove_prefix(n);
        if (impl_->block.size() == k_block) SLUICE_CHECK(flush());
    }
    return {};
}

Result<> SeekableWriter::flush() {
    Impl& in = *impl_;
    if (in.block.empty()) return {};
    in.packed.resize(::ZSTD_compressBound(in.block.size()));
    const std::size_t n = ::ZSTD_compressCCtx(in.context.get(), in.packed.data(), in.packed.size(),
                                              in.block.data(), in.block.size(), k_level);
    if (::ZSTD_isError(n)) return error(Code::internal, "zstd", ::ZSTD_getErrorName(n));
    put_u32(in.table, static_cast<std::uint32_t>(n));
    put_u32(in.table, static_cast<std::uint32_t>(in.block.size()));
    ++in.frames;
    in.block.clear();
    return out(std::string_view(in.packed).substr(0, n));
}

Result<> SeekableWriter::finish() {
    SLUICE_CHECK(flush());
    std::string end;
    put_u32(end, k_skippable);
    put_u32(end, static_cast<std::uint32_t>(impl_->table.size() + k_footer));
    end += impl_->table;
    put_u32(end, impl_->frames);
    end += '\0';  // no checksums: the digest of the whole says more
    put_u32(end, k_seekable);
    return out(end);
}

struct SeekableReader::Impl {
    GetAt get;
    std::int64_t bytes = 0;
    std::vector<std::int64_t> stored_at;   // of each frame, and the end
    std::vector<std::int64_t> content_at;  // the same
    std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context{::ZSTD_createDCtx()};
    std::string block;
    std::size_t loaded = SIZE_MAX;

    Result<> load(std::size_t frame);
};

SeekableReader::SeekableReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SeekableReader::~SeekableReader() = default;
SeekableReader::SeekableReader(SeekableReader&&) noexcept = default;
SeekableReader& SeekableReader::operator=(SeekableReader&&) noexcept = default;

Result<SeekableReader> SeekableReader::open(GetAt get, std::int64_t stored, std::int64_t bytes) {
    auto impl = std::make_unique<Impl>();
    if (!impl->context) throw std::bad_alloc();
    impl->get = std::move(get);
    impl->bytes = bytes;
    constexpr std::int64_t k_least = 8 + k_footer;
    if (stored < k_least) return corrupt("a blob is cut off");
    SLUICE_TRY(const std::string footer, impl->get(stored - k_footer, k_footer));
    if (get_u32(footer, 5) != k_seekable || footer[4] != 0)
        return corrupt("a blob has no table of its frames");
    const std::int64_t frames = get_u32(footer, 0);
    const std::int64_t size = frames * 8;
    if (size + k_least > stored) return corrupt("the table of a blob is longer than the blob");
    // A content of `bytes` has that many frames: a table of a gigabyte is none of ours.
    if (frames > bytes / static_cast<std::int64_t>(k_block) + 1)
        return corrupt("the table of a blob is longer than its content");
    const std::int64_t at = stored - size - k_least;
    SLUICE_TRY(const std::string table, impl->get(at, static_cast<std::size_t>(size) + 8));
    if (get_u32(table, 0) != k_skippable ||
        get_u32(table, 4) != static_cast<std::uint32_t>(size) + k_footer)
        return corrupt("the table of a blob is damaged");
    std::int64_t stored_at = 0, content_at = 0;
    impl->stored_at.push_back(0);
    impl->content_at.push_back(0);
    for (std::size_t i = 0; i < static_cast<std::size_t>(frames); ++i) {
        const std::uint32_t packed = get_u32(table, 8 + i * 8);
        const std::uint32_t content = get_u32(table, 12 + i * 8);
        if (content == 0 || content > k_block || packed > ::ZSTD_compressBound(k_block))
            return corrupt("a frame of a blob is too large");
        impl->stored_at.push_back(stored_at += packed);
        impl->content_at.push_back(content_at += content);
    }
    if (stored_at != at || content_at != bytes)
        return corrupt("the table of a blob does not fit its frames");
    return SeekableReader(std::move(impl));
}

Result<> SeekableReader::Impl::load(std::size_t frame) {
    if (loaded == frame) return {};
    loaded = SIZE_MAX;
    const std::int64_t from = stored_at[frame];
    SLUICE_TRY(const std::string packed,
               get(from, static_cast<std::size_t>(stored_at[frame + 1] - from)));
    const auto want = static_cast<std::size_t>(content_at[frame + 1] - content_at[frame]);
    block.resize(want);
    const std::size_t n = ::ZSTD_decompressDCtx(context.get(), block.data(), block.size(),
                                                packed.data(), packed.size());
    if (::ZSTD_isError(n) || n != want)
        return corrupt(::ZSTD_isError(n) ? ::ZSTD_getErrorName(n) : "a frame of a blob is short");
    loaded = frame;
    return {};
}

Result<std::string_view> SeekableReader::read(std::int64_t offset, std::size_t most) {
    Impl& in = *impl_;
    if (offset < 0 || offset >= in.bytes) return std::string_view();
    const auto next = std::upper_bound(in.content_at.begin(), in.content_at.end(), offset);
    const auto frame = static_cast<std::size_t>(next - in.content_at.begin()) - 1;
    SLUICE_CHECK(in.load(frame));
    return std::string_view(in.block).substr(
        static_cast<std::size_t>(offset - in.content_at[frame]), most);
}

GetAt get_from(int fd) {
    return [fd](std::int64_t offset, std::size_t size) -> Result<std::string> {
        std::string out(size, '\0');
        for (std::size_t done = 0; done < size;) {
            const ssize_t n = ::pread(fd, out.data() + done, size - done,
                                      offset + static_cast<std::int64_t>(done));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return files::errno_error(errno, "read");
            if (n == 0) return corrupt("a blob is cut off");
            done += static_cast<std::size_t>(n);
        }
        return out;
    };
}

}  // namespace sluice::packs
