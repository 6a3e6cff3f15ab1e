#include "server/logs/log_store.hpp"

#include "platform/crypto.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

namespace sluice::logs {

LogStore::LogStore(files::Path root) : root_(std::move(root)) {
    files::make_dirs(root_, 0700).value();
}

files::Path LogStore::path(AttemptId attempt) const {
    return root_ / fmt::format("{:03}", attempt.value % 1000) /
           fmt::format("{}.log", attempt.value);
}

std::shared_ptr<LogStore::Log> LogStore::log(AttemptId attempt) {
    std::lock_guard lock(mutex_);
    auto& entry = live_[attempt];
    if (!entry) entry = std::make_shared<Log>();
    return entry;
}

Result<> LogStore::load(AttemptId attempt, Log& log) {
    if (log.loaded) return {};
    const auto file = path(attempt);
    SLUICE_CHECK(files::make_dirs(file.parent_path(), 0700));
    SLUICE_TRY(log.fd, files::open(file, O_RDWR | O_CREAT, 0600));
    // After a restart of the server: the crc of what is there, once.
    char buffer[256 * 1024];
    log.size = 0;
    log.crc = 0;
    while (true) {
        const ssize_t got = ::pread(log.fd.get(), buffer, sizeof buffer, log.size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return files::errno_error(errno, "read " + file.string());
        if (got == 0) break;
        log.crc = crypto::crc32c(log.crc, {buffer, static_cast<std::size_t>(got)});
        log.size += got;
    }
    log.loaded = true;
    return {};
}

Result<LogStore::Appended> LogStore::append(AttemptId attempt, std::int64_t offset,
                                            std::string_view bytes) {
    auto entry = log(attempt);
    std::lock_guard lock(entry->mutex);
    SLUICE_CHECK(load(attempt, *entry));
    if (offset > entry->size) return Appended{entry->size, true};
    const auto skip = static_cast<std::size_t>(entry->size - offset);
    if (skip >= bytes.size()) return Appended{entry->size, false};
    bytes.remove_prefix(skip);
    auto written = files::write_at(entry->fd.get(), bytes, entry->size);
    if (!written) {
        // A part may have been written: it is beyond the size and will be overwritten.
        return written.error();
    }
    entry->crc = crypto::crc32c(entry->crc, bytes);
    entry->size += static_cast<std::int64_t>(bytes.size());
    return Appended{entry->size, false};
}

bool LogStore::known(AttemptId attempt) {
    std::lock_guard lock(mutex_);
    return live_.contains(attempt);
}

std::int64_t LogStore::size(AttemptId attempt) {
    {
        std::lock_guard lock(mutex_);
        auto at = live_.find(attempt);
        if (at != live_.end()) {
            std::lock_guard inner(at->second->mutex);
            if (at->second->loaded) return at->second->size;
        }
    }
    struct stat info {};
    return ::stat(path(attempt).c_str(), &info) == 0 ? static_cast<std::int64_t>(info.st_size) : 0;
}

Result<bool> LogStore::verify(AttemptId attempt, std::int64_t size, std::uint32_t crc32c) {
    if (size == 0 && this->size(attempt) == 0) return crc32c == 0;
    auto entry = log(attempt);
    std::lock_guard lock(entry->mutex);
    SLUICE_CHECK(load(attempt, *entry));
    if (entry->size != size || entry->crc != crc32c) return false;
    if (::fdatasync(entry->fd.get()) != 0)
        return files::errno_error(errno, "fdatasync " + path(attempt).string());
    return true;
}

Result<> LogStore::rewind(AttemptId attempt) {
    auto entry = log(attempt);
    std::lock_guard lock(entry->mutex);
    SLUICE_CHECK(load(attempt, *entry));
    if (::ftruncate(entry->fd.get(), 0) != 0)
        return files::errno_error(errno, "truncate " + path(attempt).string());
    entry->size = 0;
    entry->crc = 0;
    return {};
}

void LogStore::close(AttemptId attempt) {
    std::lock_guard lock(mutex_);
    live_.erase(attempt);
}

Result<files::Fd> LogStore::open(AttemptId attempt) const {
    return files::open(path(attempt), O_RDONLY);
}

}  // namespace sluice::logs
