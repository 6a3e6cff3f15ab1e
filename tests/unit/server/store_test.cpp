#include "platform/crypto.hpp"
#include "server/store/meta.hpp"
#include "server/store/packs.hpp"
#include "server/store/projects.hpp"
#include "server/store/readers.hpp"
#include "server/store/runs.hpp"
#include "server/store/schema.hpp"
#include "server/store/writer.hpp"
#include "tests/unit/server/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <sys/mount.h>

#include <atomic>
#include <future>

using namespace sluice;
using namespace sluice::store;

namespace {

struct Database {
    test::TempFolder folder;
    std::string path = (folder.path / "test.db").string();
    Database() {
        Connection connection({.path = path});
        migrate(connection);
    }
};

Result<> put(Tx& tx, const std::string& key, const std::string& value) {
    set_meta(tx, key, value);
    return {};
}

std::optional<std::string> get(const std::string& path, const std::string& key) {
    Readers readers(path, 1);
    return readers.read([&](Tx& tx) { return get_meta(tx, key); });
}

}  // namespace

TEST_CASE("a closure's change is readable once write returns", "[store]") {
    Database db;
    Writer writer({.path = db.path}, {});
    REQUIRE(writer.write_blocking([](Tx& tx) { return put(tx, "a", "1"); }));
    CHECK(get(db.path, "a") == "1");
}

TEST_CASE("a refused closure is undone and its neighbours stay", "[store]") {
    Database db;
    Writer writer({.path = db.path}, {});
    REQUIRE(writer.write_blocking([](Tx& tx) { return put(tx, "kept", "1"); }));
    auto refused = writer.write_blocking([](Tx& tx) -> Result<> {
        set_meta(tx, "undone", "1");
        return error(Code::conflict, "no", "no");
    });
    CHECK(refused.error().id == "no");
    REQUIRE(writer.write_blocking([](Tx& tx) { return put(tx, "after", "1"); }));
    CHECK(get(db.path, "kept") == "1");
    CHECK_FALSE(get(db.path, "undone"));
    CHECK(get(db.path, "after") == "1");
}

TEST_CASE("a throwing closure is undone, reported as internal, and the writer goes on", "[store]") {
    Database db;
    Writer writer({.path = db.path}, {});
    auto thrown = writer.write_blocking([](Tx& tx) -> Result<> {
        set_meta(tx, "undone", "1");
        throw std::logic_error("bug");
    });
    CHECK(thrown.error().code == Code::internal);
    CHECK(writer.write_blocking([](Tx& tx) { return put(tx, "b", "2"); }));
    CHECK_FALSE(get(db.path, "undone"));
}

TEST_CASE("a constraint that fails refuses its closure without naming bound values", "[store]") {
    Database db;
    Writer writer({.path = db.path}, {});
    auto refused = writer.write_blocking([](Tx& tx) -> Result<> {
        tx.exec("INSERT INTO tokens(name, hash, role, created_at) VALUES (:a, :b, 'king', 1)",
                "canary-name", "canary-hash");
        return {};
    });
    REQUIRE_FALSE(refused);
    CHECK(refused.error().id == "constraint");
    CHECK(refused.error().message.find("canary") == std::string::npos);
}

TEST_CASE("closures queued together share commits", "[store]") {
    Database db;
    Writer writer({.path = db.path}, {});
    std::promise<void> gate;
    auto opened = gate.get_future().share();
    // The first closure holds the writer until all others are queued.
    std::thread first([&] {
        writer
            .write_blocking([&](Tx&) -> Result<> {
                opened.wait();
                return {};
            })
            .value();
    });
    std::vector<std::future<void>> others;
    others.reserve(50);
    std::atomic<int> queued{0};
    for (int i = 0; i < 50; ++i)
        others.push_back(std::async(std::launch::async, [&, i] {
            ++queued;
            writer.write_blocking([i](Tx& tx) { return put(tx, "k" + std::to_string(i), "v"); })
                .value();
        }));
    while (queued < 50) std::this_thread::yield();
    gate.set_value();
    first.join();
    for (auto& other : others) other.get();
    CHECK(writer.stats().closures == 51);
    CHECK(writer.stats().commits < 51);
    CHECK(get(db.path, "k49") == "v");
}

TEST_CASE("after_commit runs for kept closures only, after_rollback for undone ones", "[store]") {
    Database db;
    Writer writer({.path = db.path}, {});
    std::vector<std::string> told;
    writer
        .write_blocking([&](Tx& tx) -> Result<> {
            tx.after_commit([&] { told.push_back("committed"); });
            tx.after_rollback([&] { told.push_back("wrong"); });
            return {};
        })
        .value();
    (void)writer.write_blocking([&](Tx& tx) -> Result<> {
        tx.after_commit([&] { told.push_back("wrong"); });
        tx.after_rollback([&] { told.push_back("undone 1"); });
        tx.after_rollback([&] { told.push_back("undone 2"); });
        return error(Code::invalid, "no", "no");
    });
    CHECK(told == std::vector<std::string>{"committed", "undone 2", "undone 1"});
}

TEST_CASE("RETURNING is stepped to its end, so savepoints can be released", "[store]") {
    Database db;
    Writer writer({.path = db.path}, {});
    auto rows = writer.write_blocking([](Tx& tx) -> Result<std::size_t> {
        for (int i = 0; i < 10; ++i) set_meta(tx, "row" + std::to_string(i), "x");
        return tx
            .all<std::string>("UPDATE meta SET value = 'y' WHERE key LIKE 'row%' RETURNING key")
            .size();
    });
    CHECK(rows.value() == 10);
    CHECK(get(db.path, "row9") == "y");
}

TEST_CASE("bytes with NUL and invalid UTF-8 survive a round trip", "[store]") {
    Database db;
    Writer writer({.path = db.path}, {});
    const std::string bytes("\0a\xff\0z", 5);
    writer.write_blocking([&](Tx& tx) { return put(tx, "bytes", bytes); }).value();
    CHECK(get(db.path, "bytes") == bytes);
}

TEST_CASE("a full disk refuses writes, loses nothing that was committed, and heals by itself",
          "[store]") {
    test::TempFolder folder;
    if (::mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "size=2m") != 0) {
        WARN("skipped: mounting a tmpfs needs root");
        return;
    }
    struct Unmount {
        const char* path;
        ~Unmount() { ::umount2(path, MNT_DETACH); }
    } unmount{folder.path.c_str()};
    const std::string path = (folder.path / "test.db").string();
    {
        Connection connection({.path = path});
        migrate(connection);
    }
    Writer writer({.path = path}, {});
    writer.write_blocking([](Tx& tx) { return put(tx, "before", "1"); }).value();

    files::write_atomic(folder.path / "ballast", std::string(512 * 1024, 'x'), 0600, false).value();
    int stored = 0;
    Result<> last;
    for (int i = 0; i < 200 && last; ++i) {
        last = writer.write_blocking([i](Tx& tx) {
            return put(tx, "big" + std::to_string(i), std::string(64 * 1024, 'x'));
        });
        if (last) ++stored;
    }
    REQUIRE_FALSE(last);
    CHECK(last.error().id == "read_only");
    CHECK(writer.stats().read_only);
    // A small change may fit again (the probe found room); one that does not is refused as before.
    const auto again = writer.write_blocking(
        [](Tx& tx) { return put(tx, "refused", std::string(512 * 1024, 'x')); });
    REQUIRE_FALSE(again);
    CHECK(again.error().id == "read_only");

    std::filesystem::remove(folder.path / "ballast");
    CHECK(writer.write_blocking([](Tx& tx) { return put(tx, "healed", "1"); }));
    CHECK_FALSE(writer.stats().read_only);
    CHECK(get(path, "before") == "1");
    CHECK(get(path, "big" + std::to_string(stored - 1)).has_value());
    CHECK_FALSE(get(path, "big" + std::to_string(stored)).has_value());
    CHECK_FALSE(get(path, "refused"));
}

TEST_CASE("projects and runs from before tiers get the policy and trust that surprise nobody",
          "[store]") {
    test::TempFolder folder;
    Connection connection({.path = (folder.path / "old.db").string()});
    for (const auto& migration : migrations()) {
        if (migration.number >= 8) break;
        connection.script(std::string(migration.sql));
        connection.script("PRAGMA user_version = " + std::to_string(migration.number));
    }
    connection.script(
        "INSERT INTO projects(id, name, url, default_branch, forge, hook_secret, created_at) "
        "VALUES "
        "(1, 'p', '/p.git', 'main', 'git', 's', 0);"
        "INSERT INTO runs(id, project_id, number, event_kind, branch, tag, sha, target_branch, "
        "pr_number, message, author, actor, event, state, hold, created_at) VALUES "
        "(1, 1, 1, 'push', 'main', '', 'a', '', 0, '', '', '', '{}', 'active', '', 0), "
        "(2, 1, 2, 'pull_request', 'x', '', 'b', 'main', 7, '', '', '', '{}', 'active', 'fork', "
        "0)");
    migrate(connection);
    Tx tx(connection);
    CHECK(find_policy(tx, {1}) == Policy{});
    CHECK(find_project(tx, ProjectId{1})->policy == Policy{});
    CHECK(find_run(tx, {1})->tier == model::Tier::t1);
    CHECK(find_run(tx, {2})->tier == model::Tier::t0);
}

TEST_CASE("a policy is read back as it was set", "[store]") {
    Database db;
    Writer writer({.path = db.path}, {});
    const Policy wanted{{"release/*", "!x\"y"}, {"v*"}, ConfigChanges::approve, false};
    REQUIRE(writer.write_blocking([&](Tx& tx) -> Result<> {
        const auto id =
            insert_project(tx, {{}, "shop", "/s.git", "main", "git", "secret", Timestamp{0}});
        set_policy(tx, id, wanted);
        CHECK(find_project(tx, "shop")->policy == wanted);
        CHECK(all_projects(tx).front().policy == wanted);
        return {};
    }));
}

TEST_CASE("a database of a newer build is refused with the way out", "[store]") {
    Database db;
    Connection connection({.path = db.path});
    connection.script("PRAGMA user_version = 9999");
    CHECK_THROWS_WITH(migrate(connection), Catch::Contains("newer sluice-server"));
}

TEST_CASE("a doubt about a blob is for the keeper when nobody moves the blob any more", "[store]") {
    Database db;
    Writer writer({.path = db.path}, {});
    auto doubt = [](Tx& tx) -> Result<std::vector<std::string>> {
        doubt_blob(tx, "aa", AttemptId{999});  // no such attempt
        doubt_blob(tx, "bb", std::nullopt);
        doubt_blob(tx, "bb", std::nullopt);
        doubt_blob(tx, "cc", std::nullopt);
        settle_blob(tx, "cc");
        return doubtful_blobs(tx, {0}, 500);
    };
    CHECK(writer.write_blocking(doubt).value() == std::vector<std::string>{"aa", "bb"});
    auto known = [](Tx& tx) -> Result<bool> {
        const bool before = has_blobs(tx);
        insert_blob(tx, "aa", 5, {0});
        return !before && has_blobs(tx);
    };
    CHECK(writer.write_blocking(known).value());
}
