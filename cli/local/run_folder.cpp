#include "cli/local/run_folder.hpp"

#include "cli/context.hpp"
#include "platform/crypto.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace sluice::cli::local {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t k_keep = 10;

std::vector<std::int64_t> numbers_in(const files::Path& folder) {
    std::vector<std::int64_t> numbers;
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
        const std::string name = at->path().filename().string();
        std::int64_t number = 0;
        auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (bad == std::errc{} && rest == name.data() + name.size()) numbers.push_back(number);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

void prune(const files::Path& folder) {
    std::vector<std::int64_t> numbers = numbers_in(folder);
    while (numbers.size() > k_keep) {
        const files::Path old = folder / std::to_string(numbers.front());
        numbers.erase(numbers.begin());
        auto lock = files::LockFile::try_acquire(old / "lock");
        if (lock && lock->has_value()) (void)files::remove_tree(old);
    }
}

std::string plain(const std::string& text, std::size_t max) {
    std::string out;
    for (char c : text.substr(0, max)) {
        const bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_' || c == '.';
        if (keep || (!out.empty() && out.back() != '-')) out += keep ? c : '-';
    }
    while (out.ends_with('-') || out.ends_with('.')) out.pop_back();
    return out;
}

}  // namespace

files::Path cache_home() {
    if (auto named = environment("XDG_CACHE_HOME"); named && named->starts_with('/')) return *named;
    if (auto home = environment("HOME"); home && home->starts_with('/') && *home != "/")
        return files::Path(*home) / ".cache";
    return fmt::format("/tmp/sluice-{}", ::getuid());
}

Result<RunFolder> RunFolder::make(const Checkout& checkout) {
    const std::string name = plain(checkout.root.filename().string(), 40) + "-" +
                             crypto::sha256_hex(checkout.root.string()).substr(0, 8);
    const files::Path all = cache_home() / "sluice" / "run" / name;
    SLUICE_CHECK(files::make_dirs(all, 0700));
    prune(all);
    for (int tries = 0; tries < 100; ++tries) {
        const std::vector<std::int64_t> numbers = numbers_in(all);
        const std::int64_t number = numbers.empty() ? 1 : numbers.back() + 1;
        const files::Path path = all / std::to_string(number);
        std::error_code failed;
        if (!fs::create_directory(path, failed)) {
            // Another run of this checkout took the number.
            if (!failed) continue;
            return files::errno_error(failed.value(), "create " + path.string());
        }
        SLUICE_TRY(auto lock, files::LockFile::try_acquire(path / "lock"));
        if (lock) return RunFolder(path, number, std::move(*lock));
    }
    return error(Code::unavailable, "busy", "too many runs begin in " + all.string());
}

files::Path RunFolder::job(std::size_t index, const std::string& id, int attempt) const {
    std::string name = fmt::format("{:02}-{}", index + 1, plain(id, 60));
    if (attempt > 1) name += fmt::format("-attempt{}", attempt);
    return path_ / name;
}

}  // namespace sluice::cli::local
