#include "server/secrets/key_ring.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

namespace sluice::secrets {

namespace {

constexpr std::size_t k_file_max = 64 << 10;

Error bad_file(const files::Path& file, std::string_view why) {
    return error(Code::invalid, "bad_key_file",
                 fmt::format("the key file {} {}", file.string(), why));
}

}  // namespace

Result<KeyRing> KeyRing::parse(std::string_view text) {
    std::vector<Key> keys;
    for (const std::string& line : text::split(text, '\n')) {
        const std::string_view trimmed = text::trim(line);
        if (trimmed.empty() || trimmed.starts_with('#')) continue;
        const auto space = trimmed.find(' ');
        auto bytes = space == std::string_view::npos
                         ? std::nullopt
                         : text::from_base64(text::trim(trimmed.substr(space + 1)));
        if (!bytes)
            return error(Code::invalid, "bad_key_file", "has a line that is not `ID BASE64`");
        auto key = crypto::SecretKey::from_bytes(*bytes);
        crypto::wipe(*bytes);
        if (!key) return error(Code::invalid, "bad_key_file", "has a key that is not 32 bytes");
        std::string id(trimmed.substr(0, space));
        if (id.find('.') != std::string::npos)
            return error(Code::invalid, "bad_key_file", "has an id with a dot");
        keys.push_back({std::move(id), *key});
    }
    if (keys.empty()) return error(Code::invalid, "bad_key_file", "has no key");
    return KeyRing(std::move(keys));
}

Result<KeyRing> KeyRing::load(const files::Path& file) {
    SLUICE_TRY(const files::Fd fd, files::open(file, O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return bad_file(file, "is not a regular file");
    if ((status.st_mode & 077) != 0)
        return bad_file(file, "is readable or writable for others; chmod 600 it");
    SLUICE_TRY(std::string text,
               files::read_file("/proc/self/fd/" + std::to_string(fd.get()), k_file_max));
    auto ring = parse(text);
    crypto::wipe(text);
    if (!ring) return bad_file(file, ring.error().message);
    return ring;
}

Result<KeyRing> KeyRing::load_or_make(const files::Path& file) {
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored)) return load(file);
    KeyRing ring({Key{crypto::random_token(6), crypto::SecretKey::random()}});
    SLUICE_CHECK(ring.save(file));
    return ring;
}

std::string KeyRing::seal(std::string_view plain, std::string_view context) const {
    const Key& first = keys_.front();
    return first.id + "." + text::to_base64(crypto::seal(first.key, plain, context));
}

Result<std::string> KeyRing::open(std::string_view sealed, std::string_view context) const {
    const auto dot = sealed.find('.');
    const auto id = sealed.substr(0, dot);
    const auto key =
        std::find_if(keys_.begin(), keys_.end(), [&](const Key& one) { return one.id == id; });
    if (dot == std::string_view::npos || key == keys_.end())
        return error(Code::unauthorized, "key_unknown",
                     fmt::format("it is sealed with the key `{}`, which the key file doesn't have",
                                 dot == std::string_view::npos ? "" : id));
    const auto bytes = text::from_base64(sealed.substr(dot + 1));
    return crypto::open(key->key, bytes.value_or(""), context);
}

bool KeyRing::is_current(std::string_view sealed) const {
    return sealed.starts_with(first_id() + ".");
}

KeyRing KeyRing::with_new_key() const {
    std::vector<Key> keys{Key{crypto::random_token(6), crypto::SecretKey::random()}};
    keys.insert(keys.end(), keys_.begin(), keys_.end());
    return KeyRing(std::move(keys));
}

KeyRing KeyRing::first_only() const {
    return KeyRing({keys_.front()});
}

Result<> KeyRing::save(const files::Path& file) const {
    std::string text = "# Keys of the secrets in the database: without this file they are lost.\n";
    for (const Key& key : keys_) text += key.id + " " + text::to_base64(key.key.bytes()) + "\n";
    auto saved = files::write_atomic(file, text, 0600, true);
    crypto::wipe(text);
    return saved;
}

files::Path key_file(const std::string& asked, const files::Path& data) {
    if (!asked.empty()) return std::filesystem::absolute(asked);
    if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY")) {
        const files::Path given = files::Path(folder) / "sluice-secrets-key";
        std::error_code ignored;
        if (std::filesystem::exists(given, ignored)) return given;
    }
    return data / "secrets.key";
}

bool is_own_key_file(const files::Path& file, const files::Path& data) {
    return file == data / "secrets.key";
}

}  // namespace sluice::secrets
