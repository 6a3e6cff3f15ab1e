#include "server/core/outbox.hpp"
#include "tests/unit/server/ci_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

using namespace sluice;
using namespace sluice::test;

namespace {

struct Posted {
    Fixture ci;
    boost::asio::io_context io;
    runtime::Pool db{"db", 1};
    runtime::Pool net{"net", 1};
    store::Readers readers{(ci.folder.path / "ci.db").string(), 1};
    core::ProjectDirectory projects{{}};
    std::vector<std::string> bodies;
    std::vector<int> answers;  ///< of the forge, in order; 201 when used up
    core::Outbox outbox{{*ci.writer, readers, db, net, projects, ci.clock,
                         [this](const hooks::StatusRequest& request) -> Result<core::Sent> {
                             bodies.push_back(request.body);
                             core::Sent sent{201, Duration{0}};
                             if (!answers.empty()) {
                                 sent.status = answers.front();
                                 answers.erase(answers.begin());
                             }
                             return sent;
                         },
                         "http://ci"}};

    Posted() {
        files::write_atomic(ci.folder.path / "token", "t0ken\n", 0600).value();
        store::Project project{
            ci.project, "shop", "/srv/shop.git", "main",      "github",
            "s",        {},     "https://api",   "team/shop", (ci.folder.path / "token").string()};
        projects.put(project);
        ci.lifecycle.set_reporter(
            [this](store::Tx& tx, const store::Run& run) { outbox.report(tx, run); });
    }
    std::size_t round() {
        std::size_t handled = 0;
        io.restart();
        auto work = [this, &handled]() -> boost::asio::awaitable<void> {
            handled = co_await outbox.send_due();
        };
        boost::asio::co_spawn(io, work(), boost::asio::detached);
        io.run();
        return handled;
    }
    std::int64_t count(const char* state) {
        return ci.write(
            [&](store::Tx& tx) -> Result<std::int64_t> { return store::count_outbox(tx, state); });
    }
};

}  // namespace

TEST_CASE("a run's start and end become statuses, in order", "[outbox]") {
    Posted forge;
    forge.ci.run({job("a")});
    forge.ci.finish(forge.ci.started(), failed()).value();
    CHECK(forge.round() == 1);
    CHECK(forge.round() == 1);
    CHECK(forge.round() == 0);
    REQUIRE(forge.bodies.size() == 2);
    CHECK(forge.bodies[0].find("\"pending\"") != std::string::npos);
    CHECK(forge.bodies[1].find("\"failure\"") != std::string::npos);
    CHECK(forge.count("sent") == 2);
}

TEST_CASE("an error of the forge is tried again later, and holds back what comes after it",
          "[outbox]") {
    Posted forge;
    forge.answers = {500};
    forge.ci.run({job("a")});
    forge.ci.finish(forge.ci.started(), passed()).value();
    CHECK(forge.round() == 1);
    CHECK(forge.round() == 0);  // back-off: the later status must not overtake
    forge.ci.clock.advance(std::chrono::seconds(5));
    CHECK(forge.round() == 1);
    CHECK(forge.round() == 1);
    CHECK(forge.bodies.back().find("\"success\"") != std::string::npos);
}

TEST_CASE("a refusal that repeating can't mend is dead, with the reason", "[outbox]") {
    Posted forge;
    forge.answers = {422};
    forge.ci.run({job("a")});
    CHECK(forge.round() == 1);
    CHECK(forge.count("dead") == 1);
    CHECK(forge.count("pending") == 0);
}
