#include "agent/executors/settings.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

using namespace sluice;
using namespace sluice::agent;

namespace {

/// What `host.users` of an executors.json means.
Result<ExecutorSettings> settings_with(const std::string& users) {
    char folder[] = "/tmp/sluice-users-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    REQUIRE(files::write_new(files::Path(folder) / "executors.json",
                             R"({"host":{"users":")" + users + R"("}})", 0600)
                .has_value());
    auto out = load_executor_settings(folder);
    (void)files::remove_tree(folder);
    return out;
}

}  // namespace

TEST_CASE("users of host jobs are off, automatic, or a pool", "[users]") {
    CHECK_FALSE(settings_with("off").value().host.users.has_value());
    CHECK(settings_with("auto").value().host.users == UserPool{});
    CHECK(settings_with("300000-300099").value().host.users == UserPool{300'000, 300'099});
    CHECK_FALSE(ExecutorSettings{}.host.users.has_value());
}

TEST_CASE("a pool of system users, none, or far too many is refused by name", "[users]") {
    for (const char* bad : {"", "on", "0-10", "999-2000", "2000", "500-400", "3000-2000", "2000-",
                            "2000-9999999999", "2000-4294967295", "2000-900000", "a-b"}) {
        INFO(bad);
        const auto refused = settings_with(bad);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().message.find("/host/users") != std::string::npos);
    }
}
