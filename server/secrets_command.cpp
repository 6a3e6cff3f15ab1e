#include "server/secrets_command.hpp"

#include "platform/crypto.hpp"
#include "server/core/id_tokens.hpp"
#include "server/secrets/key_ring.hpp"
#include "server/store/meta.hpp"
#include "server/store/schema.hpp"
#include "server/store/secrets.hpp"
#include "server/store/writer.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <optional>

namespace sluice::server {

namespace {

/// Seals every secret with the ring's first key, in one transaction; the number that it was.
Result<std::size_t> reseal(store::Writer& writer, const secrets::KeyRing& ring) {
    auto all = [&](store::Tx& tx) -> Result<std::size_t> {
        std::size_t count = 0;
        for (const auto& secret : store::all_secrets(tx)) {
            if (ring.is_current(secret.sealed)) continue;
            const auto context =
                store::secret_context(secret.project, secret.name, secret.environment);
            auto value = ring.open(secret.sealed, context);
            if (!value)
                return error(value.error().code, value.error().id,
                             fmt::format("secret `{}` of project {}: {}; nothing was changed",
                                         secret.name, secret.project.value, value.error().message));
            store::reseal_secret(tx, secret.id, ring.seal(*value, context));
            crypto::wipe(*value);
            ++count;
        }
        // Not counted: nobody has set them.
        const auto sealed = store::get_meta(tx, core::k_id_token_keys);
        if (sealed && !ring.is_current(*sealed)) {
            SLUICE_TRY(std::string keys, ring.open(*sealed, core::k_id_token_context));
            store::set_meta(tx, core::k_id_token_keys, ring.seal(keys, core::k_id_token_context));
            crypto::wipe(keys);
        }
        return count;
    };
    return writer.write_blocking(all);
}

Result<std::string> rotate(const files::Path& data, const std::string& asked) {
    const files::Path file = secrets::key_file(asked, data);
    SLUICE_TRY(const auto lock, files::LockFile::try_acquire(data / "lock"));
    if (!lock)
        return error(Code::conflict, "in_use",
                     "a server uses " + data.string() + "; stop it, rotate, and start it again");
    SLUICE_TRY(secrets::KeyRing ring, secrets::KeyRing::load_or_make(file));
    const bool own = secrets::is_own_key_file(file, data);
    // The new key is on the disk before anything is sealed with it, the old one goes when nothing
    // is sealed with it any more: a crash in between leaves both, and everything readable.
    if (own) {
        ring = ring.with_new_key();
        SLUICE_CHECK(ring.save(file));
    }
    const std::string database = (data / "sluice.db").string();
    {
        store::Connection connection({.path = database});
        store::migrate(connection);
    }
    store::Writer writer({.path = database}, {.on_broken = [](const std::string& why) {
                             std::cerr << "sluice-server: database broken: " << why << "\n";
                             std::abort();
                         }});
    SLUICE_TRY(const std::size_t count, reseal(writer, ring));
    if (!own)
        return fmt::format(
            "{} secrets sealed with `{}`, the first key of {}; its other keys can go", count,
            ring.first_id(), file.string());
    SLUICE_CHECK(ring.first_only().save(file));
    return fmt::format("{} secrets sealed with the new key `{}`; the old ones are gone from {}",
                       count, ring.first_id(), file.string());
}

}  // namespace

int secrets_command(int argc, char** argv) {
    CLI::App app{"The keys that secrets are sealed with."};
    app.name("sluice-server secrets");
    app.require_subcommand(1);
    std::string data, keys;
    auto* rotating = app.add_subcommand(
        "rotate",
        "Seal all secrets anew. With a key file of the server's own: with a new key, and the old "
        "one goes. With one that you keep (--secrets-key, a credential): with its first key; put a "
        "new line on top before");
    rotating->add_option("--data", data, "The server's folder")->required();
    rotating->add_option("--secrets-key", keys, "The key file, where it is not in that folder");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& failed) {
        return app.exit(failed);
    }
    crypto::init();
    try {
        auto done = rotate(std::filesystem::absolute(data), keys);
        if (done) {
            std::cout << *done << "\n";
            return 0;
        }
        std::cerr << "sluice-server: " << done.error().message << "\n";
    } catch (const std::exception& failed) {
        std::cerr << "sluice-server: " << failed.what() << "\n";
    }
    return 1;
}

}  // namespace sluice::server
