#include "server/core/outbox.hpp"
#include "tests/unit/server/ci_fixture.hpp"

#include <algorithm>

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
    Duration retry_after{0};   ///< with each of these answers
    std::string answer;
    std::string forge;
    core::Verdict verdict = green();
    std::optional<Error> refusal;  ///< in place of a verdict
    int asked = 0;
    core::Outbox outbox{{*ci.writer, readers, db, net, projects, ci.clock,
                         [this](const hooks::StatusRequest& request) -> Result<core::Sent> {
                             bodies.push_back(request.body);
                             core::Sent sent{201, Duration{0}, answer};
                             sent.retry_after = answers.empty() ? Duration{0} : retry_after;
                             if (!answers.empty()) {
                                 sent.status = answers.front();
                                 answers.erase(answers.begin());
                             }
                             return sent;
                         },
                         [this](store::Project, std::string sha,
                                std::string) -> boost::asio::awaitable<Result<core::Verdict>> {
                             ++asked;
                             if (refusal) co_return *refusal;
                             auto now = verdict;
                             now.sha = sha;
                             co_return now;
                         },
                         "http://ci"}};

    static core::Verdict green() {
        core::Verdict out;
        out.color = core::Color::green;
        out.summary = "1 of 1 checks green";
        return out;
    }
    explicit Posted(std::string kind = "github") : forge(kind) {
        files::write_atomic(ci.folder.path / "token", "t0ken\n", 0600).value();
        store::Project project{
            ci.project, "shop", "/srv/shop.git", "main",      std::move(kind),
            "s",        {},     "https://api",   "team/shop", (ci.folder.path / "token").string()};
        projects.put(project);
        ci.lifecycle.set_reporter(
            [this](store::Tx& tx, const store::Run& run) { outbox.report(tx, run); });
        ci.lifecycle.set_job_reporter(
            [this](store::Tx& tx, const store::Run& run) { outbox.report_gate(tx, run); });
    }
    /// Rounds until nothing is due.
    void drain() {
        while (round() > 0) {
        }
    }
    /// Bodies of one context, in order.
    std::vector<std::string> of(const std::string& context) const {
        std::vector<std::string> out;
        for (const auto& body : bodies)
            if (json::parse(body).value().at(forge == "gitlab" ? "name" : "context").as_string() ==
                context)
                out.push_back(body);
        return out;
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
    forge.drain();
    forge.ci.finish(forge.ci.started(), failed()).value();
    forge.drain();
    const auto told = forge.of("sluice");
    REQUIRE(told.size() == 2);
    CHECK(told[0].find("\"pending\"") != std::string::npos);
    CHECK(told[1].find("\"failure\"") != std::string::npos);
    CHECK(forge.count("pending") == 0);
    CHECK(forge.count("dead") == 0);
}

TEST_CASE("a status tells what the failing jobs said, first lines only", "[outbox]") {
    Posted forge;
    forge.ci.run({job("lint"), job("test"), job("fine")});
    auto outcome = failed();
    outcome.message = "new: 1 finding of level warning or worse; first: a.py:3 F401 unused\nmore";
    forge.ci.finish(forge.ci.started(), outcome).value();
    outcome.message = "";
    forge.ci.finish(forge.ci.started(), outcome).value();
    forge.ci.finish(forge.ci.started(), passed()).value();
    forge.drain();
    const std::string wanted =
        "run 1 failed: lint: new: 1 finding of level warning or worse; first: a.py:3 F401 unused; "
        "test\"";
    CHECK(std::any_of(forge.bodies.begin(), forge.bodies.end(), [&](const std::string& body) {
        return body.find(wanted) != std::string::npos;
    }));
}

TEST_CASE("an error of the forge is tried again later, and holds back what comes after it",
          "[outbox]") {
    Posted forge;
    forge.answers = {500};
    forge.ci.run({job("a")});
    forge.ci.finish(forge.ci.started(), passed()).value();
    forge.drain();
    CHECK(forge.of("sluice").size() == 1);  // back-off: the later status must not overtake
    forge.ci.clock.advance(std::chrono::seconds(5));
    forge.drain();
    REQUIRE(forge.of("sluice").size() == 3);
    CHECK(forge.of("sluice")[1] == forge.of("sluice")[0]);
    CHECK(forge.of("sluice").back().find("\"success\"") != std::string::npos);
}

TEST_CASE("a refusal that repeating can't mend is dead, with the reason", "[outbox]") {
    Posted forge;
    forge.answers = {422};
    forge.ci.run({job("a")});
    forge.drain();
    CHECK(forge.count("dead") == 1);
    CHECK(forge.count("pending") == 0);
}

TEST_CASE("a rate limit pauses all that goes to the forge, for as long as it says", "[outbox]") {
    Posted forge;
    forge.answers = {429};
    forge.retry_after = std::chrono::seconds(60);
    forge.ci.run({job("a")});
    forge.drain();
    CHECK(forge.bodies.size() == 1);
    forge.ci.clock.advance(std::chrono::seconds(59));
    forge.drain();
    CHECK(forge.bodies.size() == 1);
    forge.ci.clock.advance(std::chrono::seconds(1));
    forge.drain();
    CHECK(forge.of("sluice").size() == 2);
    CHECK(forge.of("sluice/gate").size() == 1);
    CHECK(forge.count("pending") == 0);
}

TEST_CASE("a verdict is asked for once for all that changed before it", "[outbox]") {
    Posted forge;
    forge.verdict.summary = "a running";
    auto run = forge.ci.run({job("a"), job("b")});
    forge.ci.finish(forge.ci.started(), passed()).value();
    (void)run;
    forge.drain();
    CHECK(forge.asked == 1);
    CHECK(forge.count("pending") == 0);
    CHECK(std::count_if(forge.bodies.begin(), forge.bodies.end(), [](const auto& body) {
              return body.find("sluice/gate") != std::string::npos;
          }) == 1);
}

TEST_CASE("the same verdict is not told twice, another one is", "[outbox]") {
    Posted forge;
    forge.ci.run({job("a"), job("b")});
    forge.drain();
    const auto before = forge.bodies.size();
    forge.ci.finish(forge.ci.started(), passed()).value();
    forge.drain();
    CHECK(forge.bodies.size() == before);
    forge.verdict.color = core::Color::red;
    forge.ci.finish(forge.ci.started(), failed()).value();
    forge.drain();
    CHECK(forge.of("sluice/gate").back().find("failure") != std::string::npos);
}

TEST_CASE("a verdict that cannot be had now is asked for again later", "[outbox]") {
    Posted forge;
    forge.refusal = error(Code::unavailable, "fetch_failed", "the repository does not answer");
    forge.ci.run({job("a")});
    forge.drain();
    CHECK(forge.of("sluice/gate").empty());
    CHECK(forge.count("pending") >= 1);
    forge.refusal.reset();
    forge.ci.clock.advance(std::chrono::seconds(5));
    forge.drain();
    CHECK(forge.of("sluice/gate").size() == 1);
    CHECK(forge.count("pending") == 0);
}

TEST_CASE("GitLab's refusal of a state that it is in already is no failure", "[outbox]") {
    Posted forge("gitlab");
    forge.answers = {400};
    forge.answer = R"({"message":"Cannot transition status via :enqueue from :pending"})";
    forge.ci.run({job("a")});
    forge.round();
    CHECK(forge.count("dead") == 0);
    CHECK(forge.count("sent") >= 1);
}
