#pragma once
/// The keys that secrets are sealed with at rest (docs/decisions/0022). The first key of the file
/// seals, all of them open: so keys change without a moment in which something can't be read.
/// Values only; any thread.

#include "platform/crypto_box.hpp"
#include "platform/files.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::secrets {

class KeyRing {
public:
    /// A line per key: `ID BASE64`, the first seals. Refused when the file is readable for
    /// others, has no key, or has something else in it.
    static Result<KeyRing> load(const files::Path& file);
    /// As load(); a file that is not there is made, with one key and mode 0600, on the disk before
    /// anything is sealed with it.
    static Result<KeyRing> load_or_make(const files::Path& file);

    /// Text, `ID.BASE64`. `context` names the place that the value belongs to.
    std::string seal(std::string_view plain, std::string_view context) const;
    /// Refused with id `key_unknown` when its key is not in the ring, `cannot_open` else.
    Result<std::string> open(std::string_view sealed, std::string_view context) const;
    /// False for what the first key has not sealed.
    bool is_current(std::string_view sealed) const;

    /// With a new first key.
    KeyRing with_new_key() const;
    /// The first key alone.
    KeyRing first_only() const;
    /// Atomically, mode 0600, on the disk when it returns.
    Result<> save(const files::Path& file) const;
    const std::string& first_id() const { return keys_.front().id; }
    std::size_t size() const { return keys_.size(); }

private:
    struct Key {
        std::string id;
        crypto::SecretKey key;
    };
    explicit KeyRing(std::vector<Key> keys) : keys_(std::move(keys)) {}
    static Result<KeyRing> parse(std::string_view text);

    std::vector<Key> keys_;
};

/// Where the keys are: `asked` (an option), else the service manager's credential
/// `sluice-secrets-key` (systemd: LoadCredential), else DATA/secrets.key.
files::Path key_file(const std::string& asked, const files::Path& data);
/// Whether we made that file and may write it.
bool is_own_key_file(const files::Path& file, const files::Path& data);

}  // namespace sluice::secrets
