#include "agent/runner/spool.hpp"

#include "platform/crypto.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::agent {

namespace {
std::string truncation_line(std::int64_t at) {
    return "\nsluice: truncated@" + std::to_string(at) +
           ": the log limit is reached, later output is dropped\n";
}
}  // namespace

Result<std::unique_ptr<Spool>> Spool::open(const files::Path& path, std::int64_t limit) {
    SLUICE_TRY(files::Fd fd, files::open(path, O_RDWR | O_CREAT, 0600));
    std::unique_ptr<Spool> spool(new Spool(std::move(fd), limit));
    std::string buffer;
    while (true) {
        if (buffer.empty()) {
            off_t size = ::lseek(spool->fd_.get(), 0, SEEK_END);
            if (size <= 0) break;
            buffer.resize(256 << 10);
        }
        SLUICE_TRY(std::size_t n, spool->read_at(spool->size_, buffer));
        if (n == 0) break;
        spool->crc_ = crypto::crc32c(spool->crc_, std::span(buffer).first(n));
        spool->size_ += static_cast<std::int64_t>(n);
        spool->at_line_start_ = buffer[n - 1] == '\n';
    }
    return spool;
}

Result<> Spool::write(std::string_view bytes) {
    if (bytes.empty()) return {};
    SLUICE_CHECK(files::write_at(fd_.get(), bytes, size_));
    std::lock_guard lock(mutex_);
    crc_ = crypto::crc32c(crc_, bytes);
    at_line_start_ = bytes.back() == '\n';
    size_.store(size_ + static_cast<std::int64_t>(bytes.size()), std::memory_order_release);
    return {};
}

Result<> Spool::append(std::string_view bytes) {
    if (truncated_) return {};
    auto size = static_cast<std::int64_t>(bytes.size());
    // Room for the truncation line is kept inside the limit: the server may refuse a byte more.
    std::int64_t usable = std::max<std::int64_t>(0, limit_ - 128);
    if (limit_ <= 0 || size_ + size <= usable) return write(bytes);
    std::int64_t room = std::max<std::int64_t>(0, usable - size_);
    SLUICE_CHECK(write(bytes.substr(0, static_cast<std::size_t>(room))));
    truncated_ = true;
    return write(truncation_line(size_));
}

Result<> Spool::note(std::string_view line) {
    std::string text = at_line_start_ ? "sluice: " : "\nsluice: ";
    text += line;
    text += '\n';
    return append(text);
}

std::pair<std::int64_t, std::uint32_t> Spool::size_and_crc() const {
    std::lock_guard lock(mutex_);
    return {size_, crc_};
}

Result<std::size_t> Spool::read_at(std::int64_t offset, std::span<char> into) const {
    while (true) {
        ssize_t n = ::pread(fd_.get(), into.data(), into.size(), offset);
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno != EINTR) return files::errno_error(errno, "read the spool");
    }
}

}  // namespace sluice::agent
