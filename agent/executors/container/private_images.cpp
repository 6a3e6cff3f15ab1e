#include "agent/executors/container/private_images.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sluice::agent {

files::Path PrivateImages::file_of(const std::string& name) const {
    return folder_ / crypto::sha256_hex(name);
}

bool PrivateImages::is_private(const std::string& name) const {
    return ::access(file_of(name).c_str(), F_OK) == 0 || errno != ENOENT;
}

bool PrivateImages::may_use(const std::string& name) const {
    const Result<std::string> all = files::read_file(file_of(name), 16 << 20);
    if (!all) return all.error().code == Code::not_found;
    const auto lines = text::split(*all, '\n');
    return std::find(lines.begin(), lines.end(), who_) != lines.end();
}

Result<> PrivateImages::make_private(const std::string& name) const {
    SLUICE_CHECK(files::make_dirs(folder_, 0700));
    SLUICE_TRY(files::Fd file, files::open(file_of(name), O_WRONLY | O_CREAT, 0600));
    return {};
}

Result<> PrivateImages::grant(const std::string& name) const {
    if (!is_private(name) || may_use(name)) return {};
    SLUICE_TRY(files::Fd file, files::open(file_of(name), O_WRONLY | O_APPEND));
    const std::string text = who_ + "\n";
    // One write: others may append at the same time.
    if (::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
        return {};
    return files::errno_error(errno, "write " + file_of(name).string());
}

}  // namespace sluice::agent
